/** Makes a token from a key and its kid, with Web Crypto only: Node, an edge worker, a browser (never put a key in a web page). */
export async function issueToken(key: string, kid: string, claims: object): Promise<string> {
  const utf8 = new TextEncoder();
  const base64Url = (bytes: Uint8Array): string =>
    btoa(String.fromCharCode(...bytes))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=/g, '');
  const encode = (part: object): string => base64Url(utf8.encode(JSON.stringify(part)));
  const sub = kid.slice(0, kid.lastIndexOf(':'));
  const header = { alg: 'HS256', typ: 'JWT', kid };
  const input = `${encode(header)}.${encode({ sub, jti: crypto.randomUUID(), ...claims })}`;
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  const secret = await crypto.subtle.importKey('raw', utf8.encode(key), hmac, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', secret, utf8.encode(input));
  return `jwt:${input}.${base64Url(new Uint8Array(signature))}`;
}
