/**
 * Small parts that several pages use.
 */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { EndState } from './words.ts';

const AMBER_FROM = 0.8;

/** A bar: spent is solid, held is hatched, left is empty. Its colour is never the only sign. */
export function Meter(props: {
  readonly spent: number;
  readonly held: number;
  readonly limit: number;
  readonly label: string;
  readonly isThin?: boolean;
}) {
  const { spent, held, limit, label, isThin } = props;
  const share = limit === 0 ? 1 : Math.min(1, spent / limit);
  const heldShare = limit === 0 ? 0 : Math.min(1 - share, held / limit);
  const used = share + heldShare;
  const tone = used >= 1 ? ' bad' : used >= AMBER_FROM ? ' warn' : '';
  return (
    <div class={`meter${tone}${isThin ? ' thin' : ''}`} role="img" aria-label={label}>
      <i style={{ width: `${share * 100}%` }} />
      <b style={{ width: `${heldShare * 100}%` }} />
    </div>
  );
}

/** A text from outside: it stays text, wraps, and does not turn its neighbours around. */
export const Foreign = ({ children }: { readonly children: string }) => (
  <bdi class="foreign">{children}</bdi>
);

/** Copies a text. Where the browser forbids that, a field with the text is shown and selected. */
export function CopyButton(props: {
  readonly text: string;
  readonly label: string;
  readonly name?: string;
  readonly class?: string;
}) {
  const { text, label, name } = props;
  const [state, setState] = useState<'ready' | 'copied' | 'by hand'>('ready');
  const field = useRef<HTMLTextAreaElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState('copied');
    } catch {
      setState('by hand');
      requestAnimationFrame(() => field.current?.select());
    }
  };
  return (
    <>
      <button type="button" class={`button ${props.class ?? ''}`} aria-label={name} onClick={copy}>
        {state === 'copied' ? 'Copied' : label}
      </button>
      {state === 'by hand' && (
        <label class="small">
          Copy this with your keyboard
          <textarea ref={field} readOnly rows={2} value={text} />
        </label>
      )}
    </>
  );
}

/** A fault in plain words, and the next step. */
export const Notice = (props: {
  readonly state: EndState;
  readonly isMild?: boolean;
  readonly children?: ComponentChildren;
}) => (
  <div class={`notice${props.isMild ? ' warn' : ''}`} role="alert">
    <strong>
      <Foreign>{props.state.title}</Foreign>
    </strong>
    <span>
      <Foreign>{props.state.next}</Foreign>
    </span>
    {props.children}
  </div>
);

/** One of a few choices, as buttons. */
export function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly class?: string;
  onChange(value: T): void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a legend of its own
    <div class={props.class ?? 'tabs'} role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

/** True where the page came by https or from this machine: only there is nobody in between. */
export const InsecureNotice = () =>
  isSecureContext ? null : (
    <Notice
      isMild
      state={{
        title: 'This page came without https.',
        next: 'Others on the network can read your pass. Signing and the copy buttons are off.',
      }}
    />
  );
