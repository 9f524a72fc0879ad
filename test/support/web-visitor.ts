/** A browser in small for sign-in's pages: it keeps cookies, and follows redirects as far as a test wants. */
import { type Answer, send } from './http-client.ts';

export interface Visited extends Answer {
  /** The address of the last answer. */
  readonly url: string;
}

export interface WebVisitor {
  /** By host and port, then by name. */
  readonly cookies: Map<string, Map<string, string>>;
  /** Asks for a URL and follows redirects, until one leads to a URL that `until` accepts. */
  visit(url: string, until?: (url: string) => boolean): Promise<Visited>;
  /** Sends a form, and follows redirects. */
  submit(url: string, form: Readonly<Record<string, string>>): Promise<Visited>;
}

/** The ticket of a page's form. */
export const ticketIn = ({ text }: Pick<Answer, 'text'>): string =>
  /name="ticket" value="([\w-]+)"/.exec(text)?.[1] ?? '';
/** The token that a page hands to `/me`. */
export const tokenIn = ({ text }: Pick<Answer, 'text'>): string =>
  /\/me#(jwt:[\w.-]+)/.exec(text)?.[1] ?? '';

const REDIRECTS_MAX = 12;

export function makeVisitor(): WebVisitor {
  const cookies: WebVisitor['cookies'] = new Map();

  async function ask(url: string, options: Parameters<typeof send>[1] = {}): Promise<Answer> {
    const { host } = new URL(url);
    const jar = cookies.get(host) ?? new Map<string, string>();
    cookies.set(host, jar);
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const headers = { ...(options.headers as Record<string, string>), ...(cookie && { cookie }) };
    const answer = await send(url, { ...options, headers });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      const value = pair.slice(at + 1);
      if (value === '' || /max-age=0/i.test(line)) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), value);
    }
    return answer;
  }

  async function follow(
    url: string,
    answer: Answer,
    until: (url: string) => boolean,
  ): Promise<Visited> {
    let at = url;
    let last = answer;
    for (let count = 0; count < REDIRECTS_MAX; count += 1) {
      const { location } = last.headers;
      if (location === undefined) return { ...last, url: at };
      at = new URL(location, at).href;
      if (until(at)) return { ...last, url: at };
      last = await ask(at);
    }
    throw new Error('too many redirects');
  }

  const never = (): boolean => false;
  return {
    cookies,
    visit: async (url, until = never) => follow(url, await ask(url), until),
    async submit(url, form) {
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'null',
        'sec-fetch-site': 'same-origin',
      };
      const body = new URLSearchParams(form).toString();
      return follow(url, await ask(url, { method: 'POST', headers, body }), never);
    },
  };
}
