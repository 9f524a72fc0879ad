/** Parts of the forms for keys: the settings of every kind, and a key string that is shown once. */
import { useState } from 'preact/hooks';
import { CallError } from '../shared/api.ts';
import { CopyButton, Notice } from '../shared/parts.tsx';
import { type ShownKey, toList } from './data.ts';

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

/** Runs a change, and keeps what the server refused. */
export function useChange() {
  const [refusal, setRefusal] = useState<CallError>();
  const run = async (act: () => Promise<void>) => {
    setRefusal(undefined);
    try {
      await act();
    } catch (error) {
      setRefusal(error instanceof CallError ? error : new CallError(0, 'unknown', 'It failed.'));
    }
  };
  const notice = refusal && (
    <Notice state={{ title: 'Nothing was changed.', next: refusal.message }} />
  );
  return { run, notice };
}

export const SettingFields = (props: {
  readonly value: Settings;
  /** Only a key that signs has a longest pass. */
  readonly signs: boolean;
  onChange(value: Settings): void;
}) => {
  const { value, signs, onChange } = props;
  return (
    <>
      <label>
        Limits, with commas
        <input
          placeholder="user:usd:week=5, key:usd:month=500"
          value={value.limits}
          onInput={(event) => onChange({ ...value, limits: event.currentTarget.value })}
        />
      </label>
      <label>
        Models, with commas
        <input
          placeholder="any"
          value={value.models}
          onInput={(event) => onChange({ ...value, models: event.currentTarget.value })}
        />
      </label>
      {signs && (
        <label>
          Longest pass
          <input
            placeholder="7d"
            pattern="[0-9]+[smhdw]"
            title="A number and s, m, h, d or w"
            value={value.lifetime}
            onInput={(event) => onChange({ ...value, lifetime: event.currentTarget.value })}
          />
        </label>
      )}
    </>
  );
};

/** A key string, shown once. */
export const ShownOnce = ({ made }: { readonly made: ShownKey }) => (
  <div class="stack" role="status">
    <label>
      The key. It is shown only now
      <textarea readOnly rows={2} class="mono" value={made.key} />
    </label>
    <p class="small">
      Its kid: <span class="mono foreign">{made.kid}</span>
    </p>
    <div class="row">
      <CopyButton class="primary" label="Copy the key" text={made.key} />
    </div>
  </div>
);
