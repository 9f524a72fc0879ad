/** A box to ask a model. The answer streams; then the page says what it cost. */
import { useRef, useState } from 'preact/hooks';
import type { KeyInfo } from '../../core/account/views.ts';
import { asNanoUsd, type NanoUsd } from '../../core/base/money.ts';
import { type CallError, type ModelInfo, send, toCallError } from '../shared/api.ts';
import { Button, Form, Select } from '../shared/form.tsx';
import { formatUsd, toNano } from '../shared/format.ts';
import { Foreign, Notice } from '../shared/parts.tsx';
import { readChatText } from '../shared/sse.ts';

const QUESTION_CHARS_MAX = 4_000;
const ANSWER_TOKENS_MAX = 500;

export function TryIt(props: {
  readonly credential: string;
  readonly models: readonly ModelInfo[];
  readonly model: string;
  readonly info: KeyInfo;
  onModel(model: string): void;
  /** Reads the figures anew. */
  refresh(): Promise<KeyInfo>;
}) {
  const { credential, models, model, info } = props;
  const [question, setQuestion] = useState('Explain recursion to a ten-year-old.');
  const [answer, setAnswer] = useState('');
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<CallError>();
  const [cost, setCost] = useState<NanoUsd>();
  const abort = useRef<AbortController>(null);

  async function ask(): Promise<void> {
    setAsking(true);
    setAnswer('');
    setError(undefined);
    setCost(undefined);
    abort.current = new AbortController();
    try {
      const response = await send(credential, 'chat/completions', {
        method: 'POST',
        body: {
          model,
          stream: true,
          max_tokens: ANSWER_TOKENS_MAX,
          messages: [{ role: 'user', content: question }],
        },
        signal: abort.current.signal,
      });
      for await (const text of readChatText(response)) setAnswer((before) => before + text);
      const after = await props.refresh().catch(() => undefined);
      if (after) setCost(asNanoUsd(toNano(after.usage) - toNano(info.usage)));
    } catch (reason) {
      if (!abort.current.signal.aborted) setError(toCallError(reason));
      await props.refresh().catch(() => {}); // What came so far is charged.
    }
    setAsking(false);
  }

  return (
    <section class="card noprint">
      <h2>Try it</h2>
      <Form class="stack" onSend={ask}>
        <Select
          label="Model"
          value={model}
          options={Object.fromEntries(models.map(({ id }) => [id, id]))}
          onChoice={props.onModel}
        />
        <label>
          Your question
          <textarea
            rows={2}
            required
            maxLength={QUESTION_CHARS_MAX}
            value={question}
            onInput={(event) => setQuestion(event.currentTarget.value)}
          />
        </label>
        <div class="row">
          <Button type="submit" kind="primary" disabled={isAsking}>
            {isAsking ? 'Asking…' : 'Ask'}
          </Button>
          {isAsking && (
            <Button kind="link" onClick={() => abort.current?.abort()}>
              Stop
            </Button>
          )}
        </div>
      </Form>
      <div aria-live="polite">
        {answer !== '' && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a long answer scrolls, also by keyboard
          <div class="answer" tabIndex={0}>
            <Foreign>{answer}</Foreign>
          </div>
        )}
        {cost !== undefined && (
          <p class="small quiet num" data-nano={String(cost)}>
            That cost {formatUsd(cost)}.
            {info.limit_remaining !== null &&
              ` ${formatUsd(toNano(info.limit_remaining))} is left.`}
          </p>
        )}
      </div>
      {error && (
        <div class="gap-top">
          <Notice isMild state={{ title: titleOf(error, answer), next: error.message }} />
        </div>
      )}
    </section>
  );
}

function titleOf({ code }: CallError, answer: string): string {
  if (answer !== '') return 'The answer broke off.';
  return code === 'network' ? 'No answer came.' : 'The model was not called.';
}
