/**
 * Presets of continuous integration: whose workflow may exchange its token. Flow: configuration > **preset** > verifier.
 * Invariant: a service signs the tokens of all its customers, and a workflow chooses its own audience, so each preset names
 * one repository by an id that is never used again, and the branch or environment. No pull request fits one.
 */
import { makePreset, type Preset } from './presets.ts';
import type { RequiredClaim } from './verifier.ts';

/** A preset without its audience, which is the gateway's. */
export interface CiPreset {
  readonly preset: Preset;
  /** One of these lists must fit as a whole. */
  readonly anyOf: readonly (readonly RequiredClaim[])[];
}

const is = (claim: string, ...values: readonly string[]): RequiredClaim => ({ claim, values });

const make = (
  [issuer, path]: readonly [issuer: string, path: string],
  required: readonly RequiredClaim[],
  anyOf: CiPreset['anyOf'],
): CiPreset => ({
  preset: makePreset({ url: `${issuer}${path}`, issuers: [issuer], required }),
  anyOf,
});

/** A token does not say which branch is the default one, so a workflow of another branch needs a rule that names it. */
const DEFAULT_BRANCHES = ['main', 'master'] as const;
const NAME = /^[\w.-]{1,100}$/;

/**
 * `owner/repo#repository_id[@ref or environment]`. Both names and the id must fit: the id, because a name can be given up
 * and taken; the names, so that nobody misreads whom a rule lets in. Events are listed, so that none of a pull request fits.
 * https://docs.github.com/en/actions/reference/security/oidc
 */
function readGitHub(text: string): CiPreset | undefined {
  const [, owner = '', repo = '', id, at] =
    /^([^/#@]+)\/([^/#@]+)#(\d{1,20})(?:@(.{1,255}))?$/.exec(text) ?? [];
  if (id === undefined || !NAME.test(owner) || !NAME.test(repo)) return undefined;
  const required = [is('repository', `${owner}/${repo}`), is('repository_id', id)];
  const refs = DEFAULT_BRANCHES.map((branch) => `refs/heads/${branch}`);
  const usual = [is('event_name', 'push', 'workflow_dispatch', 'schedule', 'release')];
  const anyOf =
    at === undefined
      ? [
          [is('event_name', 'push'), is('ref_type', 'branch')],
          [is('event_name', 'workflow_dispatch'), is('ref', ...refs)],
        ]
      : [[at.startsWith('refs/') ? is('ref', at) : is('environment', at), ...usual]];
  return make(
    ['https://token.actions.githubusercontent.com', '/.well-known/jwks'],
    required,
    anyOf,
  );
}

/**
 * `group/project#project_id[@branch]` of gitlab.com; without a branch, any protected one.
 * https://docs.gitlab.com/ci/secrets/id_token_authentication/
 */
function readGitLab(text: string): CiPreset | undefined {
  const [, path = '', id, branch] =
    /^([\w./-]{3,255})#(\d{1,20})(?:@(.{1,255}))?$/.exec(text) ?? [];
  if (id === undefined || !path.includes('/')) return undefined;
  const usual = [
    is('ref_type', 'branch'),
    is('pipeline_source', 'push', 'web', 'schedule', 'api', 'trigger'),
  ];
  const anyOf = [
    [branch === undefined ? is('ref_protected', 'true') : is('ref', branch), ...usual],
  ];
  const required = [is('project_path', path), is('project_id', id)];
  return make(['https://gitlab.com', '/oauth/discovery/keys'], required, anyOf);
}

/**
 * `organization/pipeline#pipeline_id[@branch]`. The agent adds the id with `--claim pipeline_id`.
 * https://buildkite.com/docs/agent/v3/cli-oidc
 */
function readBuildkite(text: string): CiPreset | undefined {
  const [, organization, pipeline, id, branch] =
    /^([\w-]{1,100})\/([\w-]{1,100})#([0-9a-f-]{36})(?:@(.{1,255}))?$/.exec(text) ?? [];
  if (organization === undefined || pipeline === undefined || id === undefined) return undefined;
  const required = [
    is('organization_slug', organization),
    is('pipeline_slug', pipeline),
    is('pipeline_id', id),
  ];
  const branches = branch === undefined ? DEFAULT_BRANCHES : [branch];
  const anyOf = [[is('build_branch', ...branches)]];
  return make(['https://agent.buildkite.com', '/.well-known/jwks'], required, anyOf);
}

const SERVICES: Readonly<Record<string, (text: string) => CiPreset | undefined>> = {
  'github-actions': readGitHub,
  gitlab: readGitLab,
  buildkite: readBuildkite,
};

/** The forms of presets of continuous integration, for messages. */
export const CI_PRESET_FORMS =
  'github-actions:<owner>/<repo>#<repository id>[@<ref or environment>], gitlab:<group>/<project>#<project id>[@<branch>], buildkite:<organization>/<pipeline>#<pipeline id>[@<branch>]';

/** Reads `github-actions:…`, `gitlab:…` or `buildkite:…`; undefined for any other text. */
export function parseCiPreset(text: string): CiPreset | undefined {
  const at = text.indexOf(':');
  const name = text.slice(0, at);
  const read = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined;
  return read?.(text.slice(at + 1));
}
