// JavaScript, and no TypeScript, so that it has the same name in the sources and in what is made of them: bundlers find a worker's
// file only where its name is written out.
import { runCompressWorker } from "./run-compress-worker.ts";

runCompressWorker();
