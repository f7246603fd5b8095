import { type HashArgument, type HashSpeeds, measureHashers } from "./measure.ts";

/** The part of an R2 bucket that is needed. */
interface Bucket {
  head(key: string): Promise<unknown>;
}

/** Speeds by a clock that stands still while a Worker computes: it is set right by whatever comes from outside. */
export function run(argument: HashArgument, { BUCKET }: { readonly BUCKET: Bucket }): Promise<HashSpeeds> {
  return measureHashers(async () => {
    await BUCKET.head("nothing");
    return Date.now();
  }, argument);
}
