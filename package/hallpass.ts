/**
 * The exports of `hallpass`: the configuration, and signing scoped tokens with a key alone.
 */
export { type ErrorCode, GatewayError } from '../core/base/errors.ts';
export { type Config, type ConfigInput, defineConfig } from '../core/config.ts';
export { type IssuedToken, type IssueRequest, issueOffline } from '../core/tokens/issue.ts';
