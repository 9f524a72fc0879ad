/**
 * Signs requests to providers that want an AWS signature, such as Bedrock, and passes all others on unchanged.
 * Fails closed: without credentials nothing is sent. No credential is in any error.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { Clock } from '../../core/base/ports.ts';
import type { Upstream, UpstreamRequest } from '../../core/providers/ports.ts';
import type { AwsCredentials } from '../aws/environment.ts';
import { makeRequestSigner, type RequestSigner } from '../aws/signature.ts';

/** Called for each request, because credentials may be replaced while the process lives. */
type FindCredentials = () => AwsCredentials | undefined;

interface KnownSigner {
  readonly credentials: AwsCredentials;
  readonly sign: RequestSigner;
}

/**
 * Wraps the providers. Beside the errors of `upstream` it throws service_unavailable when there are no credentials; then
 * nothing was sent and nothing is charged.
 */
export function makeSignedUpstream(
  upstream: Upstream,
  clock: Clock,
  findCredentials: FindCredentials,
): Upstream {
  // By service and region: at most one for each configured provider.
  const signers = new Map<string, KnownSigner>();

  function signerOf(service: string, region: string): RequestSigner {
    const credentials = findCredentials();
    if (credentials === undefined) throw credentialsMissing(service);
    const id = `${service} ${region}`;
    const known = signers.get(id);
    if (known !== undefined && isSame(known.credentials, credentials)) return known.sign;
    const sign = makeRequestSigner({ service, region, credentials });
    signers.set(id, { credentials, sign });
    return sign;
  }

  function signed(request: UpstreamRequest): UpstreamRequest {
    const { sign, url, headers, body } = request;
    if (sign === undefined) return request;
    const signer = signerOf(sign.service, sign.region);
    const added = signer({ method: 'POST', url, headers, body, atMs: clock.nowMs() });
    return { ...request, headers: { ...headers, ...added } };
  }

  return { send: async (request) => upstream.send(signed(request)) };
}

const isSame = (a: AwsCredentials, b: AwsCredentials): boolean =>
  a.accessKeyId === b.accessKeyId &&
  a.secretAccessKey === b.secretAccessKey &&
  a.sessionToken === b.sessionToken;

/** Transient, because the provider has not seen the request. */
const credentialsMissing = (service: string): GatewayError =>
  new GatewayError('service_unavailable', {
    message: `The gateway has no AWS credentials to call "${service}" with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
    transient: true,
  });
