// An image builder and a read-only registry in a Cloudflare Worker, with all images in an R2 bucket.
//
//   POST   /images/NAME:TAG?entrypoint=…&cmd=…&env=K=V…      a tar or tar.gz in, an image out
//          …&from=REF                                        on top of an image of one of the REGISTRIES
//   GET    /images, /images/NAME:TAG                         what there is
//   GET    /images/NAME:TAG/archive?format=docker|oci|both   for `docker load`
//   DELETE /images/NAME:TAG
//   GET    /v2/…                                             for `docker pull`, podman and skopeo
//   GET    /registry/REGISTRY/v2/…                           for pages: a relay to the REGISTRIES

import { openR2 } from "slipway/cloudflare";
import { collectAll } from "./src/garbage.ts";
import { respond } from "./src/respond.ts";
import { callLimit, type Env } from "./src/settings.ts";

export default {
  fetch(request: Request, env: Env): Promise<Response> {
    return respond(request, env);
  },

  /** Where a cron trigger is set: takes away what killed Workers and replaced images left. */
  async scheduled(_event: unknown, env: Env): Promise<void> {
    await collectAll(openR2(env.BUCKET, { callLimit: callLimit(env) }));
  },
};
