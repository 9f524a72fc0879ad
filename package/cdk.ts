/**
 * The exports of `hallpass/cdk`: a gateway for a CDK app of your own.
 */
export { Hallpass } from '../lib/hallpass.ts';
export type {
  DomainOptions,
  ExistingGateway,
  FunctionName,
  FunctionOptions,
  HallpassProps,
  NetworkOptions,
  RouteGroup,
  Throttle,
} from '../lib/props.ts';
export { HallpassStack, type HallpassStackProps } from '../lib/stack.ts';
