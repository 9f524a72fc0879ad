/**
 * Forms, buttons and fields. A field hands on the text that was typed, not the event.
 */
import type { ComponentChildren, ComponentProps, PartialInputHTMLAttributes } from 'preact';
import { useState } from 'preact/hooks';

/** A form that stays on its page. */
export const Form = (props: {
  readonly class: string;
  readonly children: ComponentChildren;
  onSend(): void;
}) => (
  <form
    class={props.class}
    onSubmit={(event) => {
      event.preventDefault();
      props.onSend();
    }}
  >
    {props.children}
  </form>
);

/** A button. It sends its form only with the type `submit`. */
export const Button = ({
  kind = '',
  ...props
}: ComponentProps<'button'> & { readonly kind?: string | undefined }) => (
  <button type="button" {...props} class={`button ${kind}`} />
);

/**
 * A button of a row, for what cannot be undone. It stays where it is and asks on a line below, so that a double click or a
 * held key does not confirm.
 */
export function SureButton(props: {
  readonly label: string;
  readonly question: string;
  /** The words of the button that confirms. */
  readonly sure: string;
  readonly disabled?: boolean;
  onSure(): void;
}) {
  const { label, question, sure, disabled = false, onSure } = props;
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button
        kind="danger"
        disabled={disabled}
        aria-expanded={isAsking}
        onClick={() => setAsking(true)}
      >
        {label}
      </Button>
      {isAsking && !disabled && (
        <div class="row line">
          <span role="alert">{question}</span>
          <Button onClick={() => setAsking(false)}>Cancel</Button>
          <Button
            kind="danger"
            onClick={() => {
              setAsking(false);
              onSure();
            }}
          >
            {sure}
          </Button>
        </div>
      )}
    </>
  );
}

interface Labelled {
  readonly label: string;
  /** True for a label that only screen readers need. */
  readonly isLabelHidden?: boolean;
  readonly class?: string;
}

type FieldProps = Labelled &
  Omit<PartialInputHTMLAttributes<HTMLInputElement>, 'class'> & {
    readonly type?: 'number' | 'password' | 'search' | 'url';
    readonly value: string;
    onText(text: string): void;
  };

/** A field with its label above. */
export const Field = ({ label, isLabelHidden, onText, ...props }: FieldProps) => {
  const { class: className, ...input } = props;
  return (
    <label class={className}>
      <span class={isLabelHidden ? 'hidden' : undefined}>{label}</span>
      <input
        {...(input as ComponentProps<'input'>)}
        onInput={(event) => onText(event.currentTarget.value)}
      />
    </label>
  );
};

/** A field for a key, a pass or another secret. */
export const SecretField = (props: FieldProps) => (
  <Field type="password" autoComplete="off" spellcheck={false} required {...props} />
);

/** A field that filters the rows below it. */
export const Search = (props: FieldProps) => (
  <Field type="search" isLabelHidden placeholder={props.label} {...props} />
);

interface Options<T extends string> extends Labelled {
  readonly value: T;
  /** The words for each value. */
  readonly options: Readonly<Record<T, string>>;
  onChoice(value: NoInfer<T>): void;
}

const entriesOf = <T extends string>(options: Readonly<Record<T, string>>) =>
  Object.entries(options) as [T, string][];

/** One of a few choices, as buttons. */
export const Choice = <T extends string>(props: Options<T>) => (
  // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a border and a legend of its own
  <div class={props.class ?? 'segmented'} role="group" aria-label={props.label}>
    {entriesOf(props.options).map(([value, text]) => (
      <button
        key={value}
        type="button"
        class="choice"
        aria-pressed={value === props.value}
        onClick={() => props.onChoice(value)}
      >
        {text}
      </button>
    ))}
  </div>
);

/** One of many choices, as a list that opens. */
export const Select = <T extends string>(props: Options<T>) => (
  <label class={props.class}>
    <span class={props.isLabelHidden ? 'hidden' : undefined}>{props.label}</span>
    <select
      value={props.value}
      onChange={(event) => props.onChoice(event.currentTarget.value as T)}
    >
      {entriesOf(props.options).map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  </label>
);

/** Makes a function that gives a field one of the texts, and keeps what is typed. */
export const bindFields =
  <T extends object>(texts: T, onChange: (texts: T) => void) =>
  <K extends keyof T>(name: K) => ({
    value: texts[name],
    onText: (text: string) => onChange({ ...texts, [name]: text }),
  });
