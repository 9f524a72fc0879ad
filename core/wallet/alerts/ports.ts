/**
 * The needs of alerts from outside: the items that hold their marks, and the channels that take them.
 */
import type { WalletId } from '../../base/ids.ts';
import type { Alert, AlertItemId } from './alert.ts';

/** A mark to write. */
export interface AlertMark {
  readonly itemId: AlertItemId;
  /** The name of the limit with its window and amount. */
  readonly name: string;
  readonly level: number;
  /** The alert, encoded. */
  readonly text: string;
  /** Levels below it, which have no alert of their own any more. */
  readonly passed: readonly number[];
  readonly nowMs: number;
}

/** Writes marks. Fails closed: an error means that the outcome is not known. */
export interface AlertMarks {
  /** Marks a level, unless it is marked. The item is then in the index of the sweep. */
  mark(mark: AlertMark): Promise<void>;
}

/** An item with marks. */
export interface AlertItem {
  /** The number of marks that were ever written to it. */
  readonly marks: number;
  /** Alerts on their way, encoded, by the mark's name. */
  readonly pending: ReadonlyMap<string, string>;
  /** Marks that are done: when they were, by their name. */
  readonly done: ReadonlyMap<string, number>;
}

/** Marks after a try to send: a text for an alert that is tried again, undefined for one that is done. */
export interface AlertUpdate {
  readonly itemId: AlertItemId;
  /** As it was seen. */
  readonly seen: AlertItem;
  readonly changed: ReadonlyMap<string, string | undefined>;
  readonly nowMs: number;
  /** Marks to remove. */
  readonly drop: readonly string[];
  /** The next try; undefined: the item leaves the index. */
  readonly nextAtMs: number | undefined;
}

/** Reads and updates items with marks. Fails closed. */
export interface AlertItems {
  find(itemId: WalletId): Promise<AlertItem | undefined>;
  /** False: a mark came or changed since the item was seen. It is looked at again by the next sweep. */
  update(update: AlertUpdate): Promise<boolean>;
}

/** A way to send alerts. */
export interface AlertChannel {
  readonly name: string;
  /** Sends one alert. Rejects unless it was taken. */
  send(alert: Alert, id: string): Promise<void>;
}
