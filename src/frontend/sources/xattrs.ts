/**
 * Whether an attribute means the same on another machine. SELinux labels, ACLs and the like (`system.`) and what overlayfs notes
 * for itself belong to the host.
 */
export function isPortableXattr(name: string): boolean {
  return name !== "security.selinux" && !name.startsWith("system.") && !name.startsWith("trusted.overlay.");
}
