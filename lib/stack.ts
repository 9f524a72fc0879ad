/**
 * A stack that holds one gateway and nothing else.
 */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Hallpass } from './hallpass.ts';
import type { HallpassProps } from './props.ts';

export interface HallpassStackProps extends StackProps, HallpassProps {}

/** The stack of one gateway. */
export class HallpassStack extends Stack {
  readonly hallpass: Hallpass;

  constructor(scope: Construct, id: string, props: HallpassStackProps) {
    super(scope, id, {
      description: 'Hallpass: LLM access that is scoped, capped and expires',
      ...props,
    });
    // This id is in no resource's name.
    this.hallpass = new Hallpass(this, 'Default', props);
  }
}
