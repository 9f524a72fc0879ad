/**
 * `#config` of the installed package: the configuration of the folder in which the command runs, else that of a clone.
 */
import { config as usual } from '../hallpass.config.ts';
import { findConfig } from './find-config.ts';

export const config = (await findConfig(process.cwd())) ?? usual;
