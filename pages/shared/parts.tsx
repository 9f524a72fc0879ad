/**
 * Small parts that several pages use.
 */
import { type ComponentChild, type ComponentChildren, render } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { LimitInfo, UserView } from '../../core/account/views.ts';
import type { NanoUsd } from '../../core/base/money.ts';
import { Button } from './form.tsx';
import { formatUsd } from './format.ts';
import { type EndState, spentOf } from './words.ts';

const AMBER_FROM = 0.8;

/** Draws the page in its place, instead of what is there without JavaScript. */
export function mount(page: ComponentChild): void {
  const root = document.getElementById('page');
  root?.replaceChildren();
  if (root !== null) render(page, root);
}

/** An amount of money. The exact one is beside it, for tests and tools. */
export const Usd = ({ amount }: { readonly amount: NanoUsd }) => (
  <span data-nano={String(amount)}>{formatUsd(amount)}</span>
);

/** A bar: spent is solid, held is hatched, left is empty. Its colour is never the only sign. */
export function Meter(props: {
  readonly limit: LimitInfo;
  readonly label: string;
  readonly isThin?: boolean;
}) {
  const { limit, label, isThin } = props;
  const share = limit.limit === 0 ? 1 : Math.min(1, spentOf(limit) / limit.limit);
  const heldShare = limit.limit === 0 ? 0 : Math.min(1 - share, limit.reserved / limit.limit);
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
export const Foreign = (props: { readonly class?: string; readonly children: string }) => (
  <bdi class={`foreign ${props.class ?? ''}`}>{props.children}</bdi>
);

/** The name of a person, with their block, and its reason or else the owner's note. */
export const PersonName = (props: { readonly name: string; readonly person: UserView }) => {
  const { name, person } = props;
  const { blocked, note } = person;
  const remark = blocked ?? note;
  return (
    <>
      <Foreign>{name}</Foreign> {blocked !== null && <span class="chip bad">blocked</span>}
      {remark !== null && (
        <div class="small quiet">
          <Foreign>{remark}</Foreign>
        </div>
      )}
    </>
  );
};

/** Copies a text. Where the browser forbids that, a field with the text is shown and selected. */
export function CopyButton(props: {
  readonly text: string;
  readonly label: string;
  readonly name?: string;
  readonly kind?: string;
}) {
  const { text, label, name, kind } = props;
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
      <Button kind={kind} aria-label={name} onClick={copy}>
        {state === 'copied' ? 'Copied' : label}
      </Button>
      {state === 'by hand' && (
        <label class="small">
          Copy this with your keyboard
          <textarea ref={field} readOnly rows={2} value={text} />
        </label>
      )}
    </>
  );
}

/** A secret that is shown once, with what copies it. */
export const ShownOnce = (props: {
  readonly label: string;
  readonly secret: string;
  readonly children: ComponentChildren;
}) => (
  <div class="stack" role="status">
    <label>
      {props.label}
      <textarea readOnly rows={3} class="mono" value={props.secret} />
    </label>
    {props.children}
  </div>
);

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

/** A warning where the page came neither by https nor from this machine: others may be in between. */
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
