/**
 * Reads and changes at the gateway, with their states.
 */
import { useEffect, useState } from 'preact/hooks';
import { type CallError, toCallError } from './api.ts';
import { Notice } from './parts.tsx';
import type { EndState } from './words.ts';

/**
 * Reads something, and again when one of the inputs changes or on `reload`. The former value stays until the new one is
 * there. An answer that comes after a later read began is dropped.
 */
export function useLoaded<T>(read: () => Promise<T>, inputs: readonly unknown[]) {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<CallError>();
  const [revision, setRevision] = useState(0);
  useEffect(() => {
    let isLatest = true;
    setError(undefined);
    read().then(
      (next) => isLatest && setValue(next),
      (reason) => isLatest && setError(toCallError(reason)),
    );
    return () => {
      isLatest = false;
    };
  }, [...inputs, revision]);
  return { value, setValue, error, revision, reload: () => setRevision((before) => before + 1) };
}

/** Runs changes, and shows how the last one ended. */
export function useOutcome(toState: (error: CallError) => EndState) {
  const [done, setDone] = useState('');
  const [error, setError] = useState<CallError>();
  /** @param said the text when it is done @returns true if it was done */
  const run = async (said: string, act: () => Promise<unknown>): Promise<boolean> => {
    setError(undefined);
    setDone('');
    try {
      await act();
      setDone(said);
      return true;
    } catch (reason) {
      setError(toCallError(reason));
      return false;
    }
  };
  const outcome = (
    <>
      <p role="status" class="small">
        {done}
      </p>
      {error && <Notice state={toState(error)} />}
    </>
  );
  return { run, outcome };
}

/**
 * Says how a change failed. Without an answer it may have been made.
 * @param again what to do then
 */
export const toChangeState =
  (again: string) =>
  ({ code, message }: CallError): EndState =>
    code === 'network'
      ? { title: 'No answer came.', next: again }
      : { title: 'Nothing was changed.', next: message };
