import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { makeSecrets, makeSecretWriter } from '../../../adapters/aws/secrets-manager.ts';
import { asKeyId } from '../../../core/base/ids.ts';
import { type LocalSecrets, startSecrets } from '../../../local/secrets/server.ts';

let secrets: LocalSecrets;
let call: AwsCall;

beforeEach(async () => {
  secrets = await startSecrets({ overlay: new Map(), accessKeyId: 'this-run' });
  const credentials = { accessKeyId: 'this-run', secretAccessKey: 'x' };
  const endpoint = { secretsManagerUrl: secrets.url, region: 'local', credentials };
  call = callSecretsManager(endpoint, 5_000);
});

afterEach(() => secrets.close());

describe('versions of a key', () => {
  test('have a secret each: that of the first one is named after the key, that of a later one after the version', async () => {
    const id = asKeyId('A'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, '1', 'sk-one');
    await writer.createKeySecret(id, 'own-2', 'sk-two');
    const clock = { nowMs: () => 0, sleep: async () => {} };
    const reader = makeSecrets(call, 'hallpass/local', clock);
    expect(await reader.readKey(id, '1')).toBe('sk-one');
    expect(await reader.readKey(id, 'own-2')).toBe('sk-two');
    expect(
      ['', '/own-2', '/1'].map((end) => secrets.has(`hallpass/local/key/${id}${end}`)),
    ).toEqual([true, true, false]);
  });

  test("of a JWT's secret are all kept when one is added between the read and the write of another", async () => {
    const id = asKeyId('C'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.putJwtSecret(id, '1', 'one');
    let isFirst = true;
    const slow: AwsCall = async (operation, input) => {
      if (operation === 'PutSecretValue' && isFirst) {
        isFirst = false;
        await writer.putJwtSecret(id, 'fast', 'fast');
      }
      return call(operation, input);
    };
    await makeSecretWriter(slow, 'hallpass/local').putJwtSecret(id, 'slow', 'slow');
    const { SecretString: text } = await call('GetSecretValue', {
      SecretId: `hallpass/local/key/${id}/jwt`,
    });
    expect(JSON.parse(String(text))).toEqual({
      versions: { 1: 'one', fast: 'fast', slow: 'slow' },
    });
  });

  test("of a JWT's secret are the newest 32", async () => {
    const id = asKeyId('B'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    for (let count = 0; count <= 32; count += 1) {
      await writer.putJwtSecret(id, `v${count}`, `secret ${count}`);
    }
    const { SecretString: text } = await call('GetSecretValue', {
      SecretId: `hallpass/local/key/${id}/jwt`,
    });
    const kept = Object.keys(JSON.parse(String(text)).versions);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([32, 'v1', 'v32']);
  });

  test("of a JWT's secret are all kept when several are put at one time, apart from the key's", async () => {
    const id = asKeyId('D'.repeat(22));
    const writer = makeSecretWriter(call, 'hallpass/local');
    await writer.createKeySecret(id, '1', 'sk-one');
    const versions = ['one', 'two', 'three', 'four'];
    await Promise.all(
      versions.map((version) => writer.putJwtSecret(id, version, `secret ${version}`)),
    );
    await writer.putJwtSecret(id, 'one', 'secret one');
    const clock = { nowMs: () => 0, sleep: async () => {} };
    const reader = makeSecrets(call, 'hallpass/local', clock);
    for (const version of versions) {
      const secret = await reader.readJwtSecret(id, version);
      expect(Buffer.from(secret).toString()).toBe(`secret ${version}`);
    }
    expect(await reader.readKey(id, '1')).toBe('sk-one');
  });
});
