/**
 * A table. Its rows may open a form below them, one at a time.
 */
import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { Button } from './form.tsx';

export interface Column<Row> {
  readonly title: string;
  /** True for a title that only screen readers need. */
  readonly isTitleHidden?: boolean;
  /** `right` for figures; `wide` leaves the column out on a narrow screen. */
  readonly class?: string;
  cell(row: Row): ComponentChildren;
}

interface TableProps<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  keyOf(row: Row): string;
  /** Gives each row a button that opens a form. */
  readonly change?: { nameOf(row: Row): string; form(row: Row): ComponentChildren };
  readonly caption?: string;
  readonly class?: string;
  /** Lets a table that is wider than its place scroll sideways. */
  readonly scrolls?: boolean | undefined;
}

export function Table<Row>(props: TableProps<Row>) {
  const { rows, keyOf, change, caption, scrolls } = props;
  const [chosen, choose] = useState<string>();
  const columns = change === undefined ? props.columns : [...props.columns, toColumn(change)];

  function toColumn({ nameOf }: { nameOf(row: Row): string }): Column<Row> {
    return {
      title: 'Change',
      isTitleHidden: true,
      class: 'right',
      cell: (row) => (
        <Button
          kind="link small"
          aria-expanded={keyOf(row) === chosen}
          aria-label={`Change ${nameOf(row)}`}
          onClick={() => choose(keyOf(row) === chosen ? undefined : keyOf(row))}
        >
          Change
        </Button>
      ),
    };
  }

  const table = (
    <table class={props.class}>
      {caption && <caption>{caption}</caption>}
      <thead>
        <tr>
          {columns.map(({ title, isTitleHidden, class: className }) => (
            <th key={title} class={className}>
              {isTitleHidden ? <span class="hidden">{title}</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody class="num">
        {rows.map((row) => (
          <Fragment key={keyOf(row)}>
            <tr>
              {columns.map(({ title, class: className, cell }) => (
                <td key={title} class={className}>
                  {cell(row)}
                </td>
              ))}
            </tr>
            {change && keyOf(row) === chosen && (
              <tr>
                <td colSpan={columns.length}>{change.form(row)}</td>
              </tr>
            )}
          </Fragment>
        ))}
      </tbody>
    </table>
  );
  if (!scrolls) return table;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls also by keyboard
    <div class="scroll" tabIndex={0}>
      {table}
    </div>
  );
}
