import { type Challenge, parseChallenges } from "../../registry/auth/challenge.ts";

/** The header `WWW-Authenticate` that says this. */
export function formatChallenges(challenges: readonly Challenge[]): string {
  return challenges
    .map(({ scheme, parameters }) => {
      const name = scheme.charAt(0).toUpperCase() + scheme.slice(1);
      const said = [...parameters].map(([key, value]) => `${key}="${value.replace(/["\\]/g, "\\$&")}"`).join(",");
      return said === "" ? name : `${name} ${said}`;
    })
    .join(", ");
}

/** The address of the token service that a header names; the first, if there are several. */
export function bearerRealm(header: string | null): string | undefined {
  return parseChallenges(header ?? "")
    .find(({ scheme }) => scheme === "bearer")
    ?.parameters.get("realm");
}
