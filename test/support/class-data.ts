/** The gateway's answers about a class, for tests and pictures of the console. */

/** Makes one of a class. Person 0 has spent all of 10 dollars, and each next one a cent less. */
export function makePerson(index: number) {
  const used = Math.max(0, 10 - index / 100);
  const limit = { per: 'user', unit: 'usd', window: 'week', limit: 10, used, reserved: 0 };
  return {
    id: `token:user-${index}@example.edu`,
    user: `user-${index}@example.edu`,
    email: null,
    source: 'token',
    usage_usd: used,
    reserved_usd: 0,
    limits: [{ ...limit, remaining: 10 - used, resets_at: '2030-01-07T00:00:00Z' }],
    nearest: { per: 'user', unit: 'usd', window: 'week', percent: used * 10 },
    last_seen: '2026-11-20',
    minutes_refused: index === 0 ? 12 : 0,
    blocked: index === 7 ? '<b>token posted</b>' : null,
    note: null,
    credit_usd: 0,
  };
}

const MODELS = ['openai/gpt-4o-mini', 'anthropic/claude-haiku-4-5', 'google/gemini-2.5-flash'];

/** Makes what `GET /v1/usage?group_by=day,model` answers. */
export function makeUsage(days: number, nowMs: number) {
  const names = { input_tokens: 900, cached_input_tokens: 0, output_tokens: 100, tokens: 1_000 };
  const data = Array.from({ length: days }, (_, index) => index).flatMap((index) => {
    const day = new Date(nowMs - index * 86_400_000).toISOString().slice(0, 10);
    return MODELS.map((model, rank) => {
      const usd = Math.round((2 + Math.sin(index / 3 + rank)) * 1e6) / 1e6 / (rank + 1);
      return { day, model, requests: 40, ...names, usd: Math.round(usd * 1e9) / 1e9 };
    });
  });
  const usd = data.reduce((sum, line) => sum + line.usd, 0);
  const sums = { input_tokens: data.length * 900, output_tokens: data.length * 100 };
  const total = { requests: data.length * 40, ...names, ...sums, usd: Math.round(usd * 1e9) / 1e9 };
  return { object: 'list', data, total, truncated: false };
}
