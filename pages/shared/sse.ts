/**
 * Reads the text of a streamed chat answer (server-sent events, OpenAI's format).
 */
import { readError } from './api.ts';

/** The most characters of one line. */
const LINE_CHARS_MAX = 1_000_000;

/**
 * Yields the answer's text as it comes.
 * @throws CallError for an error in the middle of the stream
 */
export async function* readChatText(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  while (reader !== undefined) {
    const { done, value = '' } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = (lines.pop() ?? '').slice(0, LINE_CHARS_MAX);
    for (const line of lines) {
      const text = textOf(line);
      if (text !== '') yield text;
    }
  }
}

function textOf(line: string): string {
  if (!line.startsWith('data: {')) return '';
  const event = JSON.parse(line.slice('data: '.length));
  if (event.error !== undefined) throw readError(200, event);
  const text = event.choices?.[0]?.delta?.content;
  return typeof text === 'string' ? text : '';
}
