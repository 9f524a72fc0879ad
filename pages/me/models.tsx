/** The models that the pass may call, with their prices. */
import { useState } from 'preact/hooks';
import type { ModelInfo } from '../shared/api.ts';
import { Button, Search } from '../shared/form.tsx';
import { CopyButton, Foreign } from '../shared/parts.tsx';
import { type Column, Table } from '../shared/table.tsx';

const ROWS_AT_FIRST = 8;
const TOKENS_PER_PRICE = 1_000_000;

/** Formats dollars for a million tokens. */
function formatPrice(usdPerToken: string): string {
  const usd = Number(usdPerToken) * TOKENS_PER_PRICE;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
}

const COLUMNS: readonly Column<ModelInfo>[] = [
  { title: 'Model', cell: ({ id }) => <Foreign class="mono">{id}</Foreign> },
  { title: 'In', class: 'right', cell: ({ pricing }) => formatPrice(pricing.prompt) },
  { title: 'Out', class: 'right', cell: ({ pricing }) => formatPrice(pricing.completion) },
  {
    title: 'Copy',
    isTitleHidden: true,
    class: 'right',
    cell: ({ id }) => <CopyButton kind="link small" label="Copy" name={`Copy ${id}`} text={id} />,
  },
];

export function Models({ models }: { readonly models: readonly ModelInfo[] }) {
  const [search, setSearch] = useState('');
  const [isWhole, setWhole] = useState(false);
  const found = models.filter(({ id }) => id.toLowerCase().includes(search.toLowerCase()));
  const shown = isWhole ? found : found.slice(0, ROWS_AT_FIRST);
  return (
    <section class="card noprint">
      <h2>Models you may call</h2>
      {models.length > ROWS_AT_FIRST && (
        <Search class="gap" label="Find a model" value={search} onText={setSearch} />
      )}
      <Table
        caption="Dollars for a million tokens"
        rows={shown}
        keyOf={({ id }) => id}
        columns={COLUMNS}
      />
      {found.length === 0 && <p class="quiet">No model fits.</p>}
      {shown.length < found.length && (
        <Button kind="link" onClick={() => setWhole(true)}>
          Show all {found.length}
        </Button>
      )}
    </section>
  );
}
