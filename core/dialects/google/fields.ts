/**
 * The fields of Google's request for content: which a credential with a USD limit may send, and with what values.
 * Flow: policy > **fields** > price > reserve. Invariant: under a USD limit each field either costs nothing of its
 * own, or is bounded by what the hold counts; all else is refused. Without one, all fields pass.
 * https://ai.google.dev/api/generate-content#request-body
 */
import { GatewayError } from '../../base/errors.ts';
import { isRecord, type JsonObject } from '../../base/json.ts';
import {
  type Check,
  type FieldRefusal,
  findUnboundedMember,
  freeFields,
  isGiven,
  nameField,
  oneOf,
} from '../fields.ts';

/** `max_output_tokens` and `maxOutputTokens` are one field to Google: https://protobuf.dev/programming-guides/json/ */
const camelCase = (name: string): string =>
  name.replaceAll(/(?<=[A-Za-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The members under their one name; whatever is no object is left as it is. */
function rename(value: unknown, path: string): unknown {
  if (!isRecord(value)) return value;
  const names = new Set<string>();
  const renamed = Object.entries(value).map(([name, member]): [string, unknown] => {
    const one = camelCase(name);
    if (names.has(one)) {
      const param = path === '' ? nameField(one) : `${path}.${nameField(one)}`;
      throw new GatewayError('invalid_request', {
        message: `"${param}" is given twice, under two spellings`,
        param,
      });
    }
    names.add(one);
    return [one, member];
  });
  return Object.fromEntries(renamed);
}

const renameEach = (value: unknown, path: string, each: typeof rename): unknown =>
  Array.isArray(value) ? value.map((item, index) => each(item, `${path}[${index}]`)) : value;

/** Changes members of a record by name; those that are not there stay away. */
function withMembers(
  value: unknown,
  changes: Readonly<Record<string, (member: unknown) => unknown>>,
): unknown {
  if (!isRecord(value)) return value;
  const changed = Object.entries(changes).flatMap(([name, change]) =>
    isGiven(value[name]) ? [[name, change(value[name])] as const] : [],
  );
  return { ...value, ...Object.fromEntries(changed) };
}

function normalisePart(value: unknown, path: string): unknown {
  return withMembers(rename(value, path), {
    inlineData: (data) => rename(data, `${path}.inlineData`),
    fileData: (data) => rename(data, `${path}.fileData`),
    functionResponse: (answer) =>
      withMembers(rename(answer, `${path}.functionResponse`), {
        parts: (parts) => renameEach(parts, `${path}.functionResponse.parts`, normalisePart),
      }),
  });
}

const normaliseContent = (value: unknown, path: string): unknown =>
  withMembers(rename(value, path), {
    parts: (parts) => renameEach(parts, `${path}.parts`, normalisePart),
  });

/**
 * A body in which every field that is looked at has its one name; schemas, arguments and results of functions keep
 * theirs.
 * @throws invalid_request for a field that is given under two names
 */

export function normaliseBody(body: JsonObject): JsonObject {
  return withMembers(rename(body, ''), {
    generationConfig: (config) => rename(config, 'generationConfig'),
    systemInstruction: (content) => normaliseContent(content, 'systemInstruction'),
    contents: (contents) => renameEach(contents, 'contents', normaliseContent),
    tools: (tools) => renameEach(tools, 'tools', rename),
  }) as JsonObject;
}

/** Search, maps, files, code and URLs are billed by the call or bring input that nothing bounds. */
const ownFunctions: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (tool) => isRecord(tool) && Object.keys(tool).every((name) => name === 'functionDeclarations'),
  )
    ? undefined
    : 'a list of functionDeclarations';

/** Speech and pictures have prices of their own. */
const textOnly: Check = (value) =>
  Array.isArray(value) && value.every((item) => item === 'TEXT') ? undefined : '["TEXT"]';

const CONFIG_FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['responseModalities', textOnly],
  ...freeFields('maxOutputTokens', 'candidateCount'),
  // In which form it answers: text of the schema becomes input, its bytes are counted with the rest of the body.
  ...freeFields('responseMimeType', 'responseSchema', 'responseJsonSchema', '_responseJsonSchema'),
  // How tokens are chosen and reported.
  ...freeFields('temperature', 'topP', 'topK', 'seed', 'stopSequences'),
  ...freeFields('presencePenalty', 'frequencyPenalty', 'responseLogprobs', 'logprobs'),
  // How much it thinks: thoughts are output, inside the cap. How fine a picture is read: inside its bound.
  ...freeFields('thinkingConfig', 'mediaResolution', 'enableEnhancedCivicAnswers'),
]);

const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['tools', ownFunctions],
  // The others change the price of every token.
  ['serviceTier', oneOf('standard', 'unspecified')],
  ...freeFields('contents', 'systemInstruction', 'generationConfig'),
  ...freeFields('model', 'safetySettings', 'toolConfig', 'labels', 'store'),
]);

/** What a part may be. What the server's own tools said is not among them: nothing bounds what it stands for. */
const PART_FIELDS: ReadonlySet<string> = new Set([
  ...['text', 'thought', 'thoughtSignature', 'inlineData', 'fileData', 'functionCall'],
  ...['functionResponse', 'executableCode', 'codeExecutionResult', 'mediaResolution'],
  ...['partMetadata'],
]);

/** Sound and moving pictures are priced by rules of their own. */
const PRICED_AS_TEXT =
  /^(?:image\/[a-z0-9.+-]{1,32}|text\/[a-z0-9.+-]{1,32}|application\/(?:pdf|json))$/;

/** The first field of a normalised body that a USD limit does not bound. */
export function findUnboundedField(body: JsonObject): FieldRefusal | undefined {
  const { systemInstruction: system, generationConfig, contents } = body;
  const refusal =
    findUnboundedMember(body, FIELDS) ??
    findUnboundedMember(Object(generationConfig), CONFIG_FIELDS, 'generationConfig.') ??
    findUnboundedPart(Object(system).parts, 'systemInstruction.parts');
  if (refusal !== undefined) return refusal;
  for (const [index, content] of Array.isArray(contents) ? contents.entries() : []) {
    const found = findUnboundedPart(Object(content).parts, `contents[${index}].parts`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findUnboundedPart(parts: unknown, path: string): FieldRefusal | undefined {
  for (const [index, part] of Array.isArray(parts) ? parts.entries() : []) {
    const here = `${path}[${index}]`;
    if (!isRecord(part)) return { param: here, allowed: 'an object' };
    const field = Object.keys(part).find((name) => isGiven(part[name]) && !PART_FIELDS.has(name));
    if (field !== undefined) return { param: `${here}.${nameField(field)}` };
    for (const name of ['inlineData', 'fileData']) {
      const { mimeType } = Object(part[name]);
      if (isGiven(part[name]) && !PRICED_AS_TEXT.test(String(mimeType).toLowerCase())) {
        return {
          param: `${here}.${name}.mimeType`,
          allowed: 'an image, a text or application/pdf',
        };
      }
    }
    const { parts: nested } = Object(part.functionResponse);
    const refusal = findUnboundedPart(nested, `${here}.functionResponse.parts`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
