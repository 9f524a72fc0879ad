/**
 * Names on which the stack, the adapters and the local gateway must agree: tables, keys, indexes, environment.
 * It holds names only, so `lib/` may import it.
 */

/** The number of values of `due`. Wallets are spread over them, so no index partition is hot. */
export const DUE_SHARDS = 4;
/** The one value of `open`, which is enough for a few thousand marks a day. */
export const OPEN_MARK = '1';

export interface TableSchema {
  readonly partitionKey: string;
  readonly sortKey?: string;
  readonly ttlAttribute?: string;
  readonly index?: IndexSchema;
  readonly slicesIndex?: IndexSchema;
  readonly listIndex?: IndexSchema;
}

export interface IndexSchema {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey: string;
}

/** Returns all indexes of a table. */
export const indexesOf = ({ index, slicesIndex, listIndex }: TableSchema): readonly IndexSchema[] =>
  [index, slicesIndex, listIndex].filter((each) => each !== undefined);

/**
 * Keys: `pk` is `name#<account>#<digest of the name>` for a record, `hash#<key hash>` for a pointer to one.
 * Wallets: `pk` is the wallet id, `<wallet id>!` for what is known of its person, `<wallet id>#<token id>` for a token that
 * left it, `pool#<key id>#<slice>` for what all wallets have drawn of a key-wide budget, or `secret#<key id>` and
 * `secret#<key id>#<version>` for secrets of a key that may go. The index `due` leads to holds, alerts and such secrets. Only tokens and the last of these expire.
 * Usage: `pk` is `<key id>#<day>` and `sk` `<reserved at>#<request id>` for a row. Rollups of days have the `pk`
 * `<key id>#rollups`; their `sk` is `<day>` for the seal, which says which generation holds and how many segments it has,
 * and `<day>#<generation>#<sk of the last row before>` for a segment. `open` and `openDay` mark rows that lead to a day.
 * Sign-in: `pk` is a kind and a hash or a random id, `device#<hash>`; no item holds a secret in clear, and all expire.
 */
export const TABLES = {
  keys: { partitionKey: 'pk' },
  wallets: {
    partitionKey: 'pk',
    ttlAttribute: 'expiresAtSeconds',
    /** Sparse: wallets with holds, which alone have `due`. */
    index: { name: 'due', partitionKey: 'due', sortKey: 'dueAt' },
    /** Sparse, by key: wallets that may have a part of a key-wide budget left. */
    slicesIndex: { name: 'slices', partitionKey: 'slices', sortKey: 'pk' },
    /** Sparse, by key: wallets of people. */
    listIndex: { name: 'byKey', partitionKey: 'of', sortKey: 'pk' },
  },
  usage: {
    partitionKey: 'pk',
    sortKey: 'sk',
    ttlAttribute: 'expiresAtSeconds',
    /** Sparse: usage rows that lead the sweep to days to roll up. */
    index: { name: 'open', partitionKey: 'open', sortKey: 'openDay' },
  },
  signIn: { partitionKey: 'pk', ttlAttribute: 'expiresAtSeconds' },
} as const satisfies Record<string, TableSchema>;

/** `due` is a string (the shard), `dueAt` a number (ms); all other keys are strings. */
export const NUMERIC_KEYS: readonly string[] = ['dueAt'];

/** Environment variables of every function. */
export const ENVIRONMENT = {
  keysTable: 'HALLPASS_KEYS_TABLE',
  walletsTable: 'HALLPASS_WALLETS_TABLE',
  usageTable: 'HALLPASS_USAGE_TABLE',
  /** Absent where the configuration has no sign-in. */
  signInTable: 'HALLPASS_SIGN_IN_TABLE',
  /** Secrets are `<prefix>/key/<key id>`, `<prefix>/key/<key id>/<version>`, `…/jwt` and `<prefix>/provider/<name>`. */
  secretPrefix: 'HALLPASS_SECRET_PREFIX',
  /** `allow` lets key sets of issuers come from this machine. The local gateway sets it, the stack never does. */
  localIssuers: 'HALLPASS_LOCAL_ISSUERS',
  /** Names the deployment; the default account is a hash of it. */
  deployment: 'HALLPASS_DEPLOYMENT',
  /** The stack's name: metrics are counted for each gateway. Absent on this machine, where nothing is counted. */
  gateway: 'HALLPASS_GATEWAY',
  /** `yes` where people may sign in with a browser; the pages function alone has it. */
  login: 'HALLPASS_LOGIN',
  /** JSON object: provider name to another base URL (local gateway only). */
  providerUrls: 'HALLPASS_PROVIDER_URLS',
} as const;

/** The time that each function may take, in seconds. */
export const FUNCTION_SECONDS_MAX = {
  authorizer: 10,
  /** The longest time of a streamed answer, which API Gateway and Lambda allow. */
  proxy: 900,
  account: 30,
  /** A run of the sweep ends before the next one starts. */
  sweep: 300,
  pages: 10,
  /** Identity providers have 5 s, and API Gateway waits for 29. */
  signIn: 25,
} as const;

/** The field of the stack template's metadata that holds the configuration. It holds no secret. */
export const CONFIG_METADATA = 'HallpassConfig';

/** Makes the `pk` of a key's record from the digest of its name. */
export const recordPk = (account: string, nameDigest: string): string =>
  `name#${account}#${nameDigest}`;

/** The attributes of a record that the account function may read and write (adapters/dynamodb/revoked-list.ts). */
export const REVOKED_LIST_ATTRIBUTES = ['pk', 'id', 'revoked'] as const;

/** The attributes of a wallet that sign-in may write: the marks of revoked tokens (adapters/dynamodb/marks.ts). */
export const TOKEN_MARK_ATTRIBUTES = ['pk', 'x:*', 'revoked:*'] as const;

/**
 * The attributes of a person's record and of the note beside it, which an enrolment writes (adapters/dynamodb/people.ts). No
 * counter, hold or mark of a token is among them.
 */
export const PERSON_ATTRIBUTES = [
  ...['pk', 'rev', 'own', 'credit', 'blocked', 'of', 'movedTo'],
  ...['name', 'source', 'i:*'],
] as const;

/**
 * Names a secret of a key, which is JSON `{"versions":{"<version>":"sk-…"}}`.
 * @param version of a secret that holds one version only. @default the key's first secret
 */
export const keySecretName = (prefix: string, keyId: string, version?: string): string =>
  version === undefined ? `${prefix}/key/${keyId}` : `${prefix}/key/${keyId}/${version}`;
/**
 * Names the secret that signs the JWTs of a key's holders, JSON `{"versions":{"<version>":"<the secret's text>"}}`.
 * It is apart from the key's own secret but below its name, so the permission to read keys covers it.
 */
export const jwtSecretName = (prefix: string, keyId: string): string =>
  `${prefix}/key/${keyId}/jwt`;
/** Names the one secret of sign-in: the keys that sign for it, and its own at the provider. */
export const signInSecretName = (prefix: string): string => `${prefix}/sign-in`;
/** Names the secret that signs the alerts to a webhook, a bare text. */
export const alertSecretName = (prefix: string): string => `${prefix}/alerts`;
/** Names a provider's secret, which is the bare API key. */
export const providerSecretName = (prefix: string, provider: string): string =>
  `${prefix}/provider/${provider}`;
