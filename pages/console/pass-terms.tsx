/** The terms of passes, and the fields that a single pass and a class share. */
import { bindFields, Field, Select } from '../shared/form.tsx';
import { toList } from '../shared/format.ts';
import type { PassClaims } from '../shared/sign.ts';

export interface PassTerms {
  readonly user: string;
  readonly name: string;
  readonly usd: string;
  readonly models: string;
  readonly hours: keyof typeof ENDS;
}

/** Hours, and their words. */
const ENDS = {
  '1': 'an hour',
  '24': 'a day',
  '168': 'a week',
  '720': '30 days',
  '2880': '120 days',
} as const;

/** A small pass for a week. */
export const DEFAULT_TERMS: PassTerms = { user: '', name: '', usd: '2', models: '', hours: '168' };

const SECONDS_PER_HOUR = 3_600;

/** Returns when the passes end, in unix seconds. */
export const endOf = ({ hours }: PassTerms, nowMs: number): number =>
  Math.floor(nowMs / 1000) + Number(hours) * SECONDS_PER_HOUR;

/** Makes the claims of a pass. An empty field leaves its claim out. */
export function toClaims(terms: PassTerms, nowMs: number): PassClaims {
  const models = toList(terms.models);
  const user = terms.user.trim();
  return {
    jti: terms.name.trim() || crypto.randomUUID(),
    exp: endOf(terms, nowMs),
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
  const field = bindFields(terms, onChange);
  return (
    <>
      <Field
        label="Dollars, in all"
        type="number"
        min="0.000000001"
        max="1000000000"
        step="any"
        placeholder="only the key’s limits"
        {...field('usd')}
      />
      <Select
        label="Ends in"
        value={terms.hours}
        options={ENDS}
        onChoice={(hours) => onChange({ ...terms, hours })}
      />
      <Field
        label="Models, with commas"
        placeholder="all that the key may call"
        {...field('models')}
      />
    </>
  );
};
