import { makePagesHandler, readPagesSettings } from '../pages.ts';

export const handler = makePagesHandler(readPagesSettings(process.env));
