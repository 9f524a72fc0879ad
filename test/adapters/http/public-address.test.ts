import { describe, expect, test } from 'vitest';
import { isLoopbackAddress, isPublicAddress } from '../../../adapters/http/public-address.ts';

describe('isPublicAddress', () => {
  test.each([
    ['1.1.1.1'],
    ['8.8.8.8'],
    ['172.32.0.1'],
    ['100.128.0.1'],
    ['2606:4700::1111'],
    ['2a00:1450:4001::1'],
  ])('lets %s through', (address) => expect(isPublicAddress(address)).toBe(true));

  test.each([
    ['0.0.0.0'],
    ['10.0.0.1'],
    ['100.64.0.1'],
    ['100.127.255.255'],
    ['127.0.0.1'],
    ['127.255.255.254'],
    ['169.254.169.254'],
    ['169.254.170.2'],
    ['172.16.0.1'],
    ['172.31.255.255'],
    ['192.0.0.192'],
    ['192.0.2.1'],
    ['192.168.1.1'],
    ['198.18.0.1'],
    ['198.51.100.1'],
    ['203.0.113.1'],
    ['224.0.0.1'],
    ['239.255.255.255'],
    ['240.0.0.1'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:8.8.8.8'],
    ['::ffff:a9fe:a9fe'],
    ['::127.0.0.1'],
    ['64:ff9b::a9fe:a9fe'],
    ['fc00::1'],
    ['fd00:ec2::254'],
    ['fe80::1'],
    ['fe80::1%eth0'],
    ['fec0::1'],
    ['ff02::1'],
    ['2001::1'],
    ['2001:db8::1'],
    ['2002:7f00:1::'],
    ['3fff::1'],
    ['localhost'],
    ['127.1'],
    ['0x7f000001'],
    [''],
  ])('keeps %s out', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('isLoopbackAddress', () => {
  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['::ffff:127.0.0.1', false],
    ['10.0.0.1', false],
    ['::2', false],
    ['localhost', false],
  ])('is right about %s: %s', (address, expected) =>
    expect(isLoopbackAddress(address)).toBe(expected),
  );
});
