/** Set-up of the holder's tools. The pass is hidden until it is shown, and copied as it is. */
import { useState } from 'preact/hooks';
import { Button, Choice } from '../shared/form.tsx';
import { CopyButton } from '../shared/parts.tsx';
import { makeSnippets } from './snippets.ts';

/** The page is `<root>/me`. */
const rootUrl = (): string => new URL('.', location.href).href.replace(/\/$/, '');

export function SetUp({
  credential,
  model,
}: {
  readonly credential: string;
  readonly model: string;
}) {
  const [tool, setTool] = useState('python');
  const [isShown, show] = useState(false);
  const root = rootUrl();
  const hidden = `${credential.slice(0, credential.indexOf(':') + 1 || 3)}••••••••`;
  const snippets = makeSnippets({ root, model, credential });
  const shown = isShown ? snippets : makeSnippets({ root, model, credential: hidden });
  const find = (all: typeof snippets) => all.find(({ id }) => id === tool);
  return (
    <section class="card noprint">
      <h2>Set up</h2>
      <Choice
        label="Tool"
        value={tool}
        class="tabs"
        options={Object.fromEntries(snippets.map(({ id, label }) => [id, label]))}
        onChoice={setTool}
      />
      <p class="small quiet gap">{find(snippets)?.place}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, also by keyboard */}
      <pre tabIndex={0}>{find(shown)?.text}</pre>
      <div class="row gap-top">
        <CopyButton kind="primary" label="Copy with my pass" text={find(snippets)?.text ?? ''} />
        <Button kind="link" aria-pressed={isShown} onClick={() => show(!isShown)}>
          {isShown ? 'Hide the pass' : 'Show the pass'}
        </Button>
      </div>
    </section>
  );
}
