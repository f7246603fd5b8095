import type { RepositoryContext } from "../repository-context.ts";

/** What pushing needs leave for. Docker asks for both, and registries that know only `push` alone give it. */
export const pushScope = ({ path }: Pick<RepositoryContext, "path">): string => `repository:${path}:pull,push`;

/** Statuses of answers to what was done. */
export const DONE: readonly number[] = [200, 201, 202, 204];
