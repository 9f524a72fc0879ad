/**
 * The note beside a wallet that is moved: it goes with the wallet, in the same transaction.
 * Invariant: what is known of a person is known once, and what the other note says stays. Defeats: a move that is sent twice
 * (the wallet was moved); a text that changed, or was forgotten, since the note was read (`textsAreAsSeen`).
 */
import { ALERT_MARK } from './alert-marks.ts';
import { NOTE } from './people.ts';
import { adds, type Condition, isAsSeen, setsIfAbsent, type Update } from './update.ts';
import type { AttributeValue, Item } from './values.ts';

/** The name is left out: the next request writes it, in the one form of a user's id. */
const TEXTS: readonly string[] = NOTE.texts.filter((name) => name !== 'name');

/** Returns what is done to the former note and to the other one; undefined: there is nothing to carry. */
export function toNoteMove(
  note: Item,
): { readonly former: Update; readonly joined: Update } | undefined {
  const carried = Object.entries(note).filter(isCarried);
  if (carried.length === 0) return undefined;
  return {
    former: {
      remove: [...carried.map(([name]) => name), 'name', NOTE.refusedAt],
      conditions: textsAreAsSeen(note),
    },
    joined: {
      set: carried.map(([name, value]) =>
        name === NOTE.minutesRefused ? adds(name, value) : setsIfAbsent(name, value),
      ),
    },
  };
}

/** An alert that is still on its way stays in the former note, from which the sweep sends it. */
const isCarried = ([name, value]: readonly [string, AttributeValue]): boolean =>
  TEXTS.includes(name) ||
  name === NOTE.minutesRefused ||
  name.startsWith(NOTE.change) ||
  (name.startsWith(ALERT_MARK) && 'N' in value);

/** Keeps `note-moves-once`. */
const textsAreAsSeen = (note: Item): readonly Condition[] =>
  NOTE.texts.map((name) => isAsSeen(name, note[name]));
