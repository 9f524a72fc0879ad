/**
 * Names the secrets of a gateway. The stack makes none: the command line makes the secrets of keys, below
 * `<prefix>/key/`, together with each key, and those of providers, below `<prefix>/provider/`, when it is given one.
 */
import { Aws, Fn, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import {
  alertSecretName,
  keySecretName,
  providerSecretName,
  signInSecretName,
} from '../adapters/table-schema.ts';
import type { ExistingGateway } from './props.ts';

export interface SecretsProps {
  /** Names of the provider secrets, each once. */
  readonly providers: readonly string[];
  readonly existing?: ExistingGateway | undefined;
}

export class SecretsOfGateway extends Construct {
  /**
   * `hallpass/<stack name>/<8 letters of the stack's id>`. Each deployment has a prefix of its own, because the secrets
   * of a deleted stack stay, as its tables do, and would clash with those of the next stack of that name.
   */
  readonly prefix: string;
  /** Names the deployment. The default account is a hash of it. */
  readonly deployment: string;
  private readonly providers: readonly string[];
  private readonly shownPrefix: string;

  constructor(scope: Construct, id: string, { providers, existing = {} }: SecretsProps) {
    super(scope, id);
    const { stackName } = Stack.of(this);
    const stackUuid = Fn.select(2, Fn.split('/', Aws.STACK_ID));
    const part = Fn.select(0, Fn.split('-', stackUuid));
    this.prefix = existing.secretPrefix ?? `hallpass/${stackName}/${part}`;
    this.deployment = existing.deployment ?? Aws.STACK_ID;
    this.providers = providers;
    this.shownPrefix =
      existing.secretPrefix ??
      `hallpass/${stackName}/${JSON.stringify(Stack.of(this).resolve(part))}`;
  }

  /** Matches the ARNs of the secrets of keys and of their JWTs: a key's id, `/own-…` or `/jwt`, and six letters of Secrets Manager's. */
  get keyArns(): string {
    return this.arnOf(keySecretName(this.prefix, '*'));
  }

  /**
   * Match the ARNs of the secrets that hold the strings of one key: of its first one, less the six letters that Secrets
   * Manager adds, and of those that rotations made (`core/keys/key-secret.ts`). The secret of its JWTs is not among them.
   */
  keyArnsOf(keyId: string): readonly string[] {
    const first = keySecretName(this.prefix, keyId);
    return [this.arnOf(`${first}-??????`), this.arnOf(`${first}/own-*`)];
  }

  /** Returns the ARN of the one secret of sign-in, less its six letters. */
  get signInArn(): string {
    return this.arnOf(`${signInSecretName(this.prefix)}-??????`);
  }

  /** Match the ARNs of the secrets that hold the configured providers' API keys, each less its six letters. */
  get providerArns(): readonly string[] {
    return this.providers.map((name) =>
      this.arnOf(`${providerSecretName(this.prefix, name)}-??????`),
    );
  }

  /** Matches the ARN of the secret that signs alerts, less its six letters. */
  get alertArn(): string {
    return this.arnOf(`${alertSecretName(this.prefix)}-??????`);
  }

  /** Spells `keyArns` as cdk-nag does in the name of a finding. */
  get keyArnsFinding(): string {
    const name = keySecretName(this.shownPrefix, '*');
    return `arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:${name}`;
  }

  private arnOf(name: string): string {
    return Stack.of(this).formatArn({ service: 'secretsmanager', resource: `secret:${name}` });
  }
}
