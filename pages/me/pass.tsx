/** The pass itself: one figure first, whose it is, when it ends; and the limits, tightest first. */
import type { KeyInfo, LimitInfo } from '../../core/account/views.ts';
import type { TokenClaims } from '../shared/credential.ts';
import { formatDuration, formatInstant, toNano } from '../shared/format.ts';
import { Foreign, Meter, Usd } from '../shared/parts.tsx';
import { formatAmount, spentOf, tightestFirst } from '../shared/words.ts';

interface PassProps {
  readonly info: KeyInfo;
  readonly claims: TokenClaims;
  readonly nowMs: number;
}

/** The limit that matters most: of money if there is one, else of any unit. */
export function mainLimit(limits: readonly LimitInfo[]): LimitInfo | undefined {
  const usd = limits.filter(({ unit }) => unit === 'usd');
  if (usd.length === 0) return tightestFirst(limits)[0];
  return usd.reduce((a, b) => (b.remaining < a.remaining ? b : a));
}

export function Pass({ info, claims, nowMs }: PassProps) {
  const limit = mainLimit(info.limits);
  const who = info.user ?? claims.jti ?? info.label;
  return (
    <section class="card pass" aria-label="Your pass">
      <div class="face">
        <h1 class="who">
          <Foreign>{who}</Foreign>
        </h1>
        {limit === undefined ? <NoLimit info={info} /> : <Figure limit={limit} />}
      </div>
      <div class="stub">
        <dl>
          <Ends expiresAt={info.expires_at} nowMs={nowMs} />
          {claims.keyName !== undefined && (
            <div>
              <dt>Given by</dt>
              <dd>
                <Foreign>{claims.keyName}</Foreign>
              </dd>
            </div>
          )}
          {who !== info.label && (
            <div>
              <dt>Name</dt>
              <dd class="mono">
                <Foreign>{info.label}</Foreign>
              </dd>
            </div>
          )}
        </dl>
      </div>
    </section>
  );
}

function Figure({ limit }: { readonly limit: LimitInfo }) {
  const { unit, reserved, remaining } = limit;
  const spent = spentOf(limit);
  const [spentText, heldText, leftText] = [spent, reserved, remaining].map((amount) =>
    formatAmount(unit, amount),
  );
  const of = unit === 'usd' ? 'left' : `${unit} left`;
  const held = reserved > 0 ? `, ${heldText} held by requests that are running now` : '';
  return (
    <>
      <p class="left num" data-left={remaining}>
        {leftText}{' '}
        <small>
          of {formatAmount(unit, limit.limit)} {of}
        </small>
      </p>
      <Meter
        spent={spent}
        held={reserved}
        limit={limit.limit}
        label={`${spentText} spent${held}, ${leftText} left`}
      />
      <p class="small quiet num">
        {spentText} spent{held}
      </p>
    </>
  );
}

const NoLimit = ({ info }: { readonly info: KeyInfo }) => (
  <>
    <p class="left num">
      <Usd amount={toNano(info.usage)} /> <small>spent</small>
    </p>
    <p class="small quiet">No limit of its own applies.</p>
  </>
);

function Ends({ expiresAt, nowMs }: { readonly expiresAt: string | null; readonly nowMs: number }) {
  const atMs = expiresAt === null ? undefined : Date.parse(expiresAt);
  return (
    <div>
      <dt>Ends</dt>
      <dd>
        {atMs === undefined ? 'Never by itself' : formatInstant(atMs, nowMs)}
        {atMs !== undefined && (
          <span class="quiet small line">in {formatDuration(Math.max(0, atMs - nowMs))}</span>
        )}
      </dd>
    </div>
  );
}
