/**
 * Why somebody signs in, and what a ticket carries from page to page. Flow: request > **purpose** > login > confirmation.
 * Invariant: a ticket is sealed under the browser's secret, so its content is ours and is read as what it was made as.
 */
import type { SignedInPerson } from './person.ts';

/** A client of this computer asks for access (RFC 6749, 4.1.1; RFC 7636). */
export interface AuthorizeRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  /** S256. */
  readonly codeChallenge: string;
  /** The client's own. */
  readonly state: string;
  readonly models?: readonly string[] | undefined;
}

export type LoginPurpose =
  | { readonly kind: 'page' }
  | { readonly kind: 'authorize'; readonly request: AuthorizeRequest }
  | { readonly kind: 'device'; readonly deviceId: string }
  | { readonly kind: 'enrol'; readonly enrolmentId: string };

/** Somebody who has just signed in. */
export interface SignedIn {
  readonly person: SignedInPerson;
  /** The provider's refresh token, by which access ends there; undefined: it gave none. */
  readonly providerToken?: string | undefined;
}

/** The content of tickets, by what they may be used for. */
export interface TicketContents {
  readonly login: LoginPurpose;
  /** The button of a client's confirmation. */
  readonly authorize: SignedIn & { readonly request: AuthorizeRequest };
  /** The page of an enrolment. */
  readonly enrol: { readonly enrolmentId: string };
  /** The form for a device's code, before anyone has signed in. */
  readonly code: { readonly kind: 'code' };
  /** The page of a device whose code was right. */
  readonly asked: { readonly deviceId: string };
  /** The buttons of a device's confirmation. */
  readonly device: SignedIn & { readonly deviceId: string };
  /** A page whose link leads back to a client, or the end of a device's form. */
  readonly shown: {
    readonly title: string;
    readonly text: string;
    readonly to?: string | undefined;
  };
}
