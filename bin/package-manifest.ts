/**
 * Makes the manifest of the package that is published from the one of this repository.
 */

/** The parts of this repository's package.json that the published one takes over. */
export interface OwnManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The oldest Node that runs what is published. The functions run on Lambda's Node 24. */
const NODE_MIN = '20.19';
/** Loaded by `start` and by `--stack` only: four fifths of the size. */
const OPTIONAL = /^(@aws-sdk\/|dynalite$)/;
/** Packages that a CDK app has anyway. */
const PEERS = ['aws-cdk-lib', 'constructs', 'esbuild'];

/** Returns the manifest. It brings no Node, because a bundled one would shadow that of the app it is installed in. */
export function toManifest(own: OwnManifest): object {
  const isOptional = ([name]: [string, string]): boolean => OPTIONAL.test(name);
  const dependencies = Object.entries(own.dependencies);
  const { name, version, description, license } = own;
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: `>=${NODE_MIN}` },
    bin: { hallpass: 'package/command.js' },
    exports: {
      ...Object.fromEntries(Object.entries(own.exports).map(toExport)),
      './package.json': './package.json',
    },
    imports: { '#config': './package/config.js' },
    dependencies: Object.fromEntries(dependencies.filter((each) => !isOptional(each))),
    optionalDependencies: Object.fromEntries(dependencies.filter(isOptional)),
    peerDependencies: Object.fromEntries(PEERS.map((peer) => [peer, rangeOf(peer, own)])),
    peerDependenciesMeta: Object.fromEntries(PEERS.map((peer) => [peer, { optional: true }])),
  };
}

/** `./package/cdk.ts` is published as `./package/cdk.js`, with its types beside it. */
function toExport([name, path]: [string, string]) {
  const stem = path.replace(/\.ts$/, '');
  return [name, { types: `${stem}.d.ts`, default: `${stem}.js` }] as const;
}

/** Returns the range of a peer: from the tested version to the next major one, which is the 1 of esbuild. */
function rangeOf(peer: string, { devDependencies }: OwnManifest): string {
  const version = devDependencies[peer];
  if (version === undefined) throw new TypeError(`package.json has no version of "${peer}"`);
  return version.startsWith('0.') ? `>=${version} <1` : `^${version}`;
}
