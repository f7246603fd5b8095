import type { HasherFactory } from "../../hash/hasher.ts";
import type { RegistryOptions } from "../registry.ts";
import type { RegistryTransport } from "../transport.ts";

/** The repository that is pushed to. */
export interface UploadContext {
  readonly transport: RegistryTransport;
  /** `docker.io/library/alpine`. */
  readonly name: string;
  /** At its registry: `library/alpine`. */
  readonly path: string;
  readonly hasher: HasherFactory;
  readonly options: RegistryOptions;
}

/** What pushing needs leave for. Docker asks for both, and registries that know only `push` alone give it. */
export const pushScope = ({ path }: Pick<UploadContext, "path">): string => `repository:${path}:pull,push`;

/** Statuses of answers to what was done. */
export const DONE: readonly number[] = [200, 201, 202, 204];
