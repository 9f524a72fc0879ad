import { describe, expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeSecrets, makeSecretWriter } from '../../../adapters/aws/secrets-manager.ts';
import { asKeyId } from '../../../core/base/ids.ts';

const ID = asKeyId('AAAAAAAAAAAAAAAAAAAAAA');
const NAME = 'hallpass/key/AAAAAAAAAAAAAAAAAAAAAA';
const START_MS = 1795176000000;

/** Secrets by name; every read is counted. A text `!Name` is an error of that name. */
function makeBench(texts: Record<string, string | undefined>) {
  const bench = { nowMs: START_MS, reads: [] as string[], texts };
  const call: AwsCall = async (operation, input) => {
    const name: string = Object(input).SecretId;
    expect(operation).toBe('GetSecretValue');
    bench.reads.push(name);
    const text = bench.texts[name] ?? '!ResourceNotFoundException';
    if (text.startsWith('!')) throw new AwsCallError(text.slice(1), operation, 400);
    return { SecretString: text };
  };
  const clock = { nowMs: () => bench.nowMs, sleep: async () => {} };
  return Object.assign(bench, { secrets: makeSecrets(call, 'hallpass', clock) });
}

const MISSING = expect.objectContaining({
  code: 'service_unavailable',
  detail: 'the secret of a key lacks a version that its record names',
});

describe('the versions of a key', () => {
  test('are read once and kept', async () => {
    const bench = makeBench({ [NAME]: '{"versions":{"1":"sk-one","2":"sk-two"}}' });
    expect(await bench.secrets.readKey(ID, '1')).toBe('sk-one');
    expect(await bench.secrets.readKey(ID, '2')).toBe('sk-two');
    bench.nowMs += 365 * 86_400_000;
    bench.texts[NAME] = '!InternalServiceError';
    expect(await bench.secrets.readKey(ID, '1')).toBe('sk-one');
    expect(bench.reads).toEqual([NAME, NAME]);
  });

  test('are read again for a missing one, but not twice in ten seconds', async () => {
    const bench = makeBench({ [NAME]: '{"versions":{"1":"sk-one"}}' });
    await expect(bench.secrets.readKey(ID, '2')).rejects.toThrow(MISSING);
    bench.texts[NAME] = '{"versions":{"1":"sk-one","2":"sk-two"}}';
    bench.nowMs = START_MS + 9_999;
    await expect(bench.secrets.readKey(ID, '2')).rejects.toThrow(MISSING);
    expect(bench.reads).toHaveLength(1);
    bench.nowMs = START_MS + 10_000;
    expect(await bench.secrets.readKey(ID, '2')).toBe('sk-two');
  });

  test.each([
    ['no secret', undefined],
    ['not JSON', 'CANARY'],
    ['no versions', '{}'],
    ['versions of another type', '{"versions":"CANARY"}'],
    ['a version that is no text', '{"versions":{"1":5}}'],
    ['an empty version', '{"versions":{"1":""}}'],
    ['null', 'null'],
  ])('are an outage when there is %s, and no error quotes the secret', async (_, text) => {
    const { secrets } = makeBench({ [NAME]: text });
    const error = await secrets.readKey(ID, '1').catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'service_unavailable' });
    expect(JSON.stringify([error.message, error.detail, error.stack])).not.toContain('CANARY');
    expect(error.cause).toBeUndefined();
  });

  test('do not include names that every object has', async () => {
    const { secrets } = makeBench({ [NAME]: '{"versions":{"1":"sk-one"}}' });
    await expect(secrets.readKey(ID, 'constructor')).rejects.toThrow(MISSING);
  });

  test('are an outage while the service is down', async () => {
    const { secrets } = makeBench({ [NAME]: '!TimeoutError' });
    await expect(secrets.readKey(ID, '1')).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable', detail: 'a secret cannot be read' }),
    );
  });

  test('are read once for several callers at one time', async () => {
    const bench = makeBench({ [NAME]: '{"versions":{"1":"sk-one"}}' });
    await Promise.all(Array.from({ length: 20 }, () => bench.secrets.readKey(ID, '1')));
    expect(bench.reads).toEqual([NAME]);
  });
});

describe("the secret of a key's JWTs", () => {
  const JWT_NAME = `${NAME}/jwt`;

  test('is the bytes of its text, the same each time', async () => {
    const bench = makeBench({ [JWT_NAME]: '{"versions":{"v1":"ä-secret","v2":"other"}}' });
    const secret = await bench.secrets.readJwtSecret(ID, 'v1');
    expect(Buffer.from(secret).toString('hex')).toBe('c3a42d736563726574');
    expect(await bench.secrets.readJwtSecret(ID, 'v1')).toBe(secret);
    expect(await bench.secrets.readJwtSecret(ID, 'v2')).not.toBe(secret);
    expect(bench.reads).toEqual([JWT_NAME, JWT_NAME]);
  });

  test('is apart from the secret of the key', async () => {
    const bench = makeBench({ [NAME]: '{"versions":{"1":"sk-one"}}' });
    await expect(bench.secrets.readJwtSecret(ID, '1')).rejects.toThrow(MISSING);
    bench.texts = { [JWT_NAME]: '{"versions":{"2":"other"}}' };
    await expect(bench.secrets.readKey(ID, '2')).rejects.toThrow(MISSING);
  });

  test('is read at most every ten seconds while it is missing', async () => {
    const bench = makeBench({});
    for (let count = 0; count < 5; count += 1) {
      await expect(bench.secrets.readJwtSecret(ID, 'v1')).rejects.toThrow(MISSING);
    }
    expect(bench.reads).toEqual([JWT_NAME]);
    bench.nowMs += 10_000;
    bench.texts[JWT_NAME] = '{"versions":{"v1":"x"}}';
    expect(await bench.secrets.readJwtSecret(ID, 'v1')).toEqual(Buffer.from('x'));
  });
});

describe('the key of a provider', () => {
  const OPENAI = 'hallpass/provider/openai';

  test('is used for five minutes, then read again', async () => {
    const bench = makeBench({ [OPENAI]: 'sk-old\n' });
    expect(await bench.secrets.findProviderKey('openai')).toBe('sk-old');
    bench.texts[OPENAI] = 'sk-new';
    bench.nowMs = START_MS + 299_999;
    expect(await bench.secrets.findProviderKey('openai')).toBe('sk-old');
    bench.nowMs = START_MS + 300_000;
    expect(await bench.secrets.findProviderKey('openai')).toBe('sk-new');
    expect(bench.reads).toEqual([OPENAI, OPENAI]);
  });

  test.each([
    ['no secret', undefined],
    ['an empty one', ''],
    ['white space', ' \n'],
    ['the placeholder of a deployment', '{"placeholder":true}'],
    ['two words', 'not set'],
  ])(
    'is not set when there is %s, is read at most every 10 s, and is used as soon as it is set',
    async (_, text) => {
      const bench = makeBench({ [OPENAI]: text });
      expect(await bench.secrets.findProviderKey('openai')).toBeUndefined();
      bench.texts[OPENAI] = 'sk-set';
      bench.nowMs = START_MS + 9_999;
      expect(await bench.secrets.findProviderKey('openai')).toBeUndefined();
      expect(bench.reads).toEqual([OPENAI]);
      bench.nowMs = START_MS + 10_000;
      expect(await bench.secrets.findProviderKey('openai')).toBe('sk-set');
    },
  );

  test('is an outage while the service is down', async () => {
    const { secrets } = makeBench({ [OPENAI]: '!ThrottlingException' });
    await expect(secrets.findProviderKey('openai')).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});

describe('makeSecretWriter', () => {
  test('makes the secret of a key, and may be repeated', async () => {
    const calls: unknown[] = [];
    const call: AwsCall = async (...sent) => {
      calls.push(sent);
      return {};
    };
    const writer = makeSecretWriter(call, 'hallpass');
    await writer.createKeySecret(ID, '1', 'sk-one');
    await writer.createKeySecret(ID, '1', 'sk-one');
    expect(calls[0]).toEqual([
      'CreateSecret',
      {
        Name: NAME,
        SecretString: '{"versions":{"1":"sk-one"}}',
        ClientRequestToken: '8Lwv_ojbH22nfCO6_nAuTwoww_scZtO2rBDROYpjVxg',
      },
    ]);
    expect(calls[1]).toEqual(calls[0]);
  });

  test('is an outage when it fails', async () => {
    const call: AwsCall = async (operation) => {
      throw new AwsCallError('ResourceExistsException', operation, 400);
    };
    await expect(makeSecretWriter(call, 'p').createKeySecret(ID, '1', 'sk-one')).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable', detail: 'a secret cannot be made' }),
    );
  });

  test("makes the secret of a key's JWTs under another name", async () => {
    const calls: unknown[] = [];
    const call: AwsCall = async (...sent) => {
      calls.push(sent);
      return {};
    };
    await makeSecretWriter(call, 'hallpass').putJwtSecret(ID, 'v1', 'the "secret"');
    expect(calls).toMatchObject([
      [
        'CreateSecret',
        { Name: `${NAME}/jwt`, SecretString: '{"versions":{"v1":"the \\"secret\\""}}' },
      ],
    ]);
  });

  test("is an outage when the secret of a key's JWTs cannot be made, or changed", async () => {
    const failing =
      (fails: Record<string, string>): AwsCall =>
      async (operation) => {
        const name = fails[operation];
        if (name !== undefined) throw new AwsCallError(name, operation, 400);
        return {};
      };
    const put = (fails: Record<string, string>) =>
      makeSecretWriter(failing(fails), 'p').putJwtSecret(ID, 'v1', 'CANARY');
    await expect(put({ CreateSecret: 'InternalServiceError' })).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable', detail: 'a secret cannot be made' }),
    );
    await expect(
      put({ CreateSecret: 'ResourceExistsException', GetSecretValue: 'TimeoutError' }),
    ).rejects.toThrow(
      expect.objectContaining({
        code: 'service_unavailable',
        detail: 'a secret cannot be changed',
      }),
    );
  });
});
