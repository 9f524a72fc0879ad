/** The pass itself: one figure first, whose it is, when it ends; and the limits, tightest first. */
import type { ComponentChildren } from 'preact';
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
          <Fact name="Ends">
            <End expiresAt={info.expires_at} nowMs={nowMs} />
          </Fact>
          {claims.keyName !== undefined && (
            <Fact name="Given by">
              <Foreign>{claims.keyName}</Foreign>
            </Fact>
          )}
          {who !== info.label && (
            <Fact name="Name">
              <Foreign class="mono">{info.label}</Foreign>
            </Fact>
          )}
        </dl>
      </div>
    </section>
  );
}

function Figure({ limit }: { readonly limit: LimitInfo }) {
  const { unit, reserved, remaining } = limit;
  const format = (amount: number) => formatAmount(unit, amount);
  const left = format(remaining);
  const held = reserved > 0 ? `, ${format(reserved)} held by requests that are running now` : '';
  const spent = `${format(spentOf(limit))} spent${held}`;
  return (
    <>
      <p class="left num" data-left={remaining}>
        {left}{' '}
        <small>
          of {format(limit.limit)} {unit === 'usd' ? 'left' : `${unit} left`}
        </small>
      </p>
      <Meter limit={limit} label={`${spent}, ${left} left`} />
      <p class="small quiet num">{spent}</p>
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

const Fact = (props: { readonly name: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);

function End({ expiresAt, nowMs }: { readonly expiresAt: string | null; readonly nowMs: number }) {
  if (expiresAt === null) return 'Never by itself';
  const atMs = Date.parse(expiresAt);
  return (
    <>
      {formatInstant(atMs, nowMs)}
      <span class="quiet small line">in {formatDuration(Math.max(0, atMs - nowMs))}</span>
    </>
  );
}
