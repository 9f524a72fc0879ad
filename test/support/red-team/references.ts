import type { SdkName } from './sdk-shapes.ts';

/** Small requests with input that the context window bounds. */
export const REFERENCES: Readonly<Partial<Record<SdkName, Readonly<Record<string, unknown>>>>> = {
  chat: {
    messages: [
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: 'https://x.edu/y.png', detail: 'low' } }],
      },
    ],
  },
  responses: {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_file', file_url: 'https://x.edu/y.pdf', filename: 'y.pdf' },
          { type: 'input_file', file_data: `data:application/pdf;base64,aGk=` },
        ],
      },
    ],
  },
  messages: {
    max_tokens: 9,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'url', url: 'https://x.edu/y.png' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'aGk=' },
          },
        ],
      },
    ],
  },
  google: {
    contents: [
      {
        role: 'user',
        parts: [
          { fileData: { fileUri: 'https://x.edu/y.pdf', mimeType: 'application/pdf' } },
          { inlineData: { mimeType: 'application/pdf', data: 'aGk=' } },
        ],
      },
    ],
  },
};
