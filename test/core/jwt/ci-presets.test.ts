import { describe, expect, test } from 'vitest';
import { parseCiPreset } from '../../../core/jwt/ci-presets.ts';
import { fitsClaim } from '../../../core/jwt/claims.ts';

/** True if claims fit a preset: all that it requires, and one of its lists. */
function fits(text: string, claims: Readonly<Record<string, unknown>>): boolean {
  const { preset, anyOf } = parseCiPreset(text) ?? { preset: undefined, anyOf: [] };
  if (preset === undefined) throw new Error(`"${text}" cannot be read`);
  return (
    preset.required.every((each) => fitsClaim(claims, each)) &&
    anyOf.some((list) => list.every((each) => fitsClaim(claims, each)))
  );
}

const GITHUB = {
  repository: 'octo/app',
  repository_id: '42',
  ref: 'refs/heads/topic',
  ref_type: 'branch',
  event_name: 'push',
};
const GITLAB = {
  project_path: 'group/app',
  project_id: '42',
  ref: 'main',
  ref_type: 'branch',
  ref_protected: 'true',
  pipeline_source: 'push',
};
const PIPELINE = '01234567-89ab-cdef-0123-456789abcdef';
const BUILDKITE = {
  organization_slug: 'acme',
  pipeline_slug: 'app',
  pipeline_id: PIPELINE,
  build_branch: 'main',
};

describe('a preset of continuous integration', () => {
  test.each([
    ['a push to any branch, without a ref', 'octo/app#42', {}, true],
    ['a tag, without a ref', 'octo/app#42', { ref: 'refs/tags/v1', ref_type: 'tag' }, false],
    [
      'a run by hand of main, without a ref',
      'octo/app#42',
      { event_name: 'workflow_dispatch', ref: 'refs/heads/main' },
      true,
    ],
    [
      'a run by hand of a topic, without a ref',
      'octo/app#42',
      { event_name: 'workflow_dispatch' },
      false,
    ],
    ['a pull request, without a ref', 'octo/app#42', { event_name: 'pull_request' }, false],
    ['its ref', 'octo/app#42@refs/heads/topic', {}, true],
    ['another ref', 'octo/app#42@refs/heads/main', {}, false],
    [
      'a pull request to its ref',
      'octo/app#42@refs/heads/topic',
      { event_name: 'pull_request_target' },
      false,
    ],
    ['its environment', 'octo/app#42@production', { environment: 'production' }, true],
    ['another environment', 'octo/app#42@production', { environment: 'staging' }, false],
    ['no environment', 'octo/app#42@production', {}, false],
    ['another id', 'octo/app#43', {}, false],
    ['another name', 'octo/other#42', {}, false],
  ])('github-actions judges %s', (_, text, claims, expected) => {
    expect(fits(`github-actions:${text}`, { ...GITHUB, ...claims })).toBe(expected);
  });

  test.each([
    ['a protected branch', 'group/app#42', {}, true],
    ['a branch that is not protected', 'group/app#42', { ref_protected: 'false' }, false],
    ['a protected tag', 'group/app#42', { ref_type: 'tag' }, false],
    ['a merge request', 'group/app#42', { pipeline_source: 'merge_request_event' }, false],
    ['its branch', 'group/app#42@main', { ref_protected: 'false' }, true],
    ['another branch', 'group/app#42@main', { ref: 'topic' }, false],
    ['another id', 'group/app#43', {}, false],
    ['another path', 'group/other#42', {}, false],
  ])('gitlab judges %s', (_, text, claims, expected) => {
    expect(fits(`gitlab:${text}`, { ...GITLAB, ...claims })).toBe(expected);
  });

  test.each([
    ['main', `acme/app#${PIPELINE}`, {}, true],
    ['a topic', `acme/app#${PIPELINE}`, { build_branch: 'topic' }, false],
    ['its branch', `acme/app#${PIPELINE}@topic`, { build_branch: 'topic' }, true],
    ['a fork', `acme/app#${PIPELINE}`, { build_branch: 'someone:main' }, false],
    ['another pipeline', `acme/app#${PIPELINE}`, { pipeline_slug: 'other' }, false],
    ['no id', `acme/app#${PIPELINE}`, { pipeline_id: undefined }, false],
  ])('buildkite judges %s', (_, text, claims, expected) => {
    expect(fits(`buildkite:${text}`, { ...BUILDKITE, ...claims })).toBe(expected);
  });

  test.each([
    'github-actions:octo/app',
    'github-actions:octo#42',
    'github-actions:octo/app#id',
    'github-actions:octo/*#42',
    'gitlab:app#42',
    'buildkite:acme/app',
    'constructor:octo/app#42',
    'octo/app#42',
    '',
  ])('is not read from %j', (text) => {
    expect(parseCiPreset(text)).toBeUndefined();
  });
});
