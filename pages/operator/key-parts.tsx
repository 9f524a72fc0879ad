/** Parts of the forms for keys: the settings of every kind, and a key string that is shown once. */
import { bindFields, Field } from '../shared/form.tsx';
import { toList } from '../shared/format.ts';
import { toChangeState, useOutcome } from '../shared/hooks.tsx';
import { CopyButton, ShownOnce } from '../shared/parts.tsx';
import type { ShownKey } from './data.ts';

export interface Settings {
  readonly limits: string;
  readonly models: string;
  readonly lifetime: string;
}

export const NO_SETTINGS: Settings = { limits: '', models: '', lifetime: '' };

/** Returns the settings as the command's server reads them. */
export const toBody = ({ limits, models, lifetime }: Settings) => ({
  limits: toList(limits),
  models: toList(models),
  ...(lifetime !== '' && { max_token_lifetime: lifetime }),
});

/** An empty field takes the configuration's value for new keys. */
export const toNewBody = (settings: Settings) =>
  Object.fromEntries(Object.entries(toBody(settings)).filter(([, value]) => value.length > 0));

/** Runs changes of keys, and shows how the last one ended. */
export const useKeyOutcome = () =>
  useOutcome(toChangeState('Refresh, and look at the key before you send it again.'));

export const SettingFields = (props: {
  readonly value: Settings;
  /** Only a key that signs has a longest pass. */
  readonly signs: boolean;
  onChange(value: Settings): void;
}) => {
  const { value, signs, onChange } = props;
  const field = bindFields(value, onChange);
  return (
    <>
      <Field
        label="Limits, with commas"
        placeholder="user:usd:week=5, key:usd:month=500"
        {...field('limits')}
      />
      <Field label="Models, with commas" placeholder="any" {...field('models')} />
      {signs && (
        <Field
          label="Longest pass"
          placeholder="7d"
          pattern="[0-9]+[smhdw]"
          title="A number and s, m, h, d or w"
          {...field('lifetime')}
        />
      )}
    </>
  );
};

export const ShownKeyOnce = ({ made }: { readonly made: ShownKey }) => (
  <ShownOnce label="The key. It is shown only now" secret={made.key}>
    <p class="small">
      Its kid: <span class="mono foreign">{made.kid}</span>
    </p>
    <div class="row">
      <CopyButton kind="primary" label="Copy the key" text={made.key} />
    </div>
  </ShownOnce>
);
