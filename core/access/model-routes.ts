/**
 * The routes that a key's identity controls judge. Flow: identity > **route** > grant.
 * Invariant: every route that calls a model is judged, and every route that is not known here, too.
 */
import type { HttpRequest } from '../base/http.ts';

/** The routes about the credential itself and about its owner's keys, tokens and people. None calls a model. */
const OWN_ROUTE = /^\/v1\/(?:key|usage|scoped-jwt|users(?:\/.+)?)$/;
const MODEL_LIST = /^\/v1(?:beta)?\/models(?:\/|$)/;

/** True unless the route is one of the owner's own, which a key answers whatever its identity controls say. */
export const isJudgedRoute = ({ method, path }: Pick<HttpRequest, 'method' | 'path'>): boolean =>
  !OWN_ROUTE.test(path) && !(method === 'GET' && MODEL_LIST.test(path));
