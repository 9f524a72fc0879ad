/** The terms of passes, and the fields that a single pass and a class share. */
import type { PassClaims } from '../shared/sign.ts';

export interface PassTerms {
  readonly user: string;
  readonly name: string;
  readonly usd: string;
  readonly models: string;
  readonly hours: string;
}

/** A small pass for a week. */
export const readTerms = (): PassTerms => ({
  user: '',
  name: '',
  usd: '2',
  models: '',
  hours: '168',
});

const SECONDS_PER_HOUR = 3_600;

export const expiryOf = ({ hours }: PassTerms, nowMs: number): number =>
  Math.floor(nowMs / 1000) + Number(hours) * SECONDS_PER_HOUR;

/** Makes the claims of a pass. An empty field leaves its claim out. */
export function toClaims(terms: PassTerms, nowMs: number): PassClaims {
  const models = terms.models.split(/[\s,]+/).filter((model) => model !== '');
  const user = terms.user.trim();
  return {
    jti: terms.name.trim() === '' ? crypto.randomUUID() : terms.name.trim(),
    exp: expiryOf(terms, nowMs),
    ...(user !== '' && { user }),
    ...(models.length > 0 && { models }),
    ...(terms.usd !== '' && { spending_limit: Number(terms.usd) }),
  };
}

export const TermFields = (props: {
  readonly terms: PassTerms;
  onChange(terms: PassTerms): void;
}) => {
  const { terms, onChange } = props;
  return (
    <>
      <label>
        Dollars, in all
        <input
          type="number"
          min="0.000000001"
          max="1000000000"
          step="any"
          placeholder="only the key’s limits"
          value={terms.usd}
          onInput={(event) => onChange({ ...terms, usd: event.currentTarget.value })}
        />
      </label>
      <label>
        Ends in
        <select
          value={terms.hours}
          onChange={(event) => onChange({ ...terms, hours: event.currentTarget.value })}
        >
          <option value="1">an hour</option>
          <option value="24">a day</option>
          <option value="168">a week</option>
          <option value="720">30 days</option>
          <option value="2880">120 days</option>
        </select>
      </label>
      <label>
        Models, with commas
        <input
          placeholder="all that the key may call"
          value={terms.models}
          onInput={(event) => onChange({ ...terms, models: event.currentTarget.value })}
        />
      </label>
    </>
  );
};
