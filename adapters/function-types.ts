/**
 * What a composed function is made of: the settings of its process and the deployment's configuration.
 */
import type { Config } from '../core/config.ts';
import type { Environment } from './environment.ts';

export interface FunctionSettings {
  readonly environment: Environment;
  readonly config: Config;
}
