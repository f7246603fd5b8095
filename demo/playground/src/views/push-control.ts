import type { App } from "../app.ts";
import { formatBytes } from "../format.ts";
import type { StoredImage } from "../model/images.ts";
import { pushImage } from "../model/registries.ts";
import { registryForm } from "./registry-form.ts";

/** The form that pushes an image to a registry. */
export function pushControl(app: App, image: StoredImage): HTMLElement {
  return registryForm(app, {
    id: "push",
    summary: "Push to a registry…",
    action: "Push",
    doing: "Pushing the image",
    reference: image.names[0] ?? "",
    hint: "Where it goes: registry.example.com/owner/name:tag",
    async run(reference, access, options) {
      const { name, digest, uploadedBytes } = await pushImage(app.stores, image.descriptor, reference, access, options);
      return `${name} is pushed: ${digest}, ${formatBytes(uploadedBytes)} sent.`;
    },
  });
}
