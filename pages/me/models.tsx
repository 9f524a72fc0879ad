/** The models that the pass may call, with their prices. */
import { useState } from 'preact/hooks';
import type { ModelInfo } from '../shared/api.ts';
import { CopyButton, Foreign } from '../shared/parts.tsx';

const ROWS_AT_FIRST = 8;
const TOKENS_PER_PRICE = 1_000_000;

/** Formats dollars for a million tokens. */
function formatPrice(usdPerToken: string): string {
  const usd = Number(usdPerToken) * TOKENS_PER_PRICE;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
}

export function Models({ models }: { readonly models: readonly ModelInfo[] }) {
  const [search, setSearch] = useState('');
  const [isWhole, setWhole] = useState(false);
  const found = models.filter(({ id }) => id.toLowerCase().includes(search.toLowerCase()));
  const shown = isWhole ? found : found.slice(0, ROWS_AT_FIRST);
  return (
    <section class="card noprint">
      <h2>Models you may call</h2>
      {models.length > ROWS_AT_FIRST && (
        <input
          type="search"
          class="gap"
          placeholder="Find a model"
          aria-label="Find a model"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <table>
        <caption>Dollars for a million tokens</caption>
        <thead>
          <tr>
            <th>Model</th>
            <th class="right">In</th>
            <th class="right">Out</th>
            <th>
              <span class="hidden">Copy</span>
            </th>
          </tr>
        </thead>
        <tbody class="num">
          {shown.map(({ id, pricing }) => (
            <tr key={id}>
              <td class="mono">
                <Foreign>{id}</Foreign>
              </td>
              <td class="right">{formatPrice(pricing.prompt)}</td>
              <td class="right">{formatPrice(pricing.completion)}</td>
              <td class="right">
                <CopyButton class="link small" label="Copy" name={`Copy ${id}`} text={id} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length === 0 && <p class="quiet">No model fits.</p>}
      {shown.length < found.length && (
        <button type="button" class="button link" onClick={() => setWhole(true)}>
          Show all {found.length}
        </button>
      )}
    </section>
  );
}
