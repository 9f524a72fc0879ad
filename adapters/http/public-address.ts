/**
 * Tells public IP addresses from private ones, by IANA's registries of special-purpose addresses.
 * https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
 */
import { BlockList, isIP } from 'node:net';

/** Makes a list at its first use: few requests look one up, and to make them all takes 4 ms. */
function makeList(subnets: readonly string[]): () => BlockList {
  let list: BlockList | undefined;
  return () => {
    list ??= buildList(subnets);
    return list;
  };
}

function buildList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits] = subnet.split('/');
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

const SPECIAL_V4 = makeList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16', // Metadata services are here.
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);

/** The block that IANA assigns from. IPv4-mapped, NAT64, private, link-local and multicast addresses are outside it. */
const GLOBAL_V6 = makeList(['2000::/3']);
const SPECIAL_V6 = makeList([
  '2001::/23', // Teredo and others that lead elsewhere.
  '2001:db8::/32',
  '2002::/16', // 6to4: an IPv4 address within.
  '3fff::/20',
]);

const LOOPBACK_V4 = makeList(['127.0.0.0/8']);
const LOOPBACK_V6 = makeList(['::1/128']);

/** True if an address is reachable from anywhere; false for a text that is no address. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !SPECIAL_V4().check(address, 'ipv4');
    case 6:
      return GLOBAL_V6().check(address, 'ipv6') && !SPECIAL_V6().check(address, 'ipv6');
    default:
      return false;
  }
}

/** True if an address leads to this machine. */
export function isLoopbackAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return LOOPBACK_V4().check(address, 'ipv4');
    case 6:
      return LOOPBACK_V6().check(address, 'ipv6');
    default:
      return false;
  }
}
