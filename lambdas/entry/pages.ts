import { makePagesHandler } from '../pages.ts';

export const handler = makePagesHandler();
