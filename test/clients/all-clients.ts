import type { Part } from '../servers/parts.ts';
import type { Client } from './client.ts';
import { openContainerd } from './containerd.ts';
import { openCraneClient } from './crane.ts';
import { openDocker } from './docker.ts';
import { openPodman } from './podman.ts';
import { openRegctl } from './regctl.ts';
import { openSkopeo } from './skopeo.ts';

/** Every client that pulls, with the parts that it needs. */
export const ALL_CLIENTS: readonly {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly open: () => Promise<Client>;
}[] = [
  { name: 'docker', parts: ['docker', 'dockerd'], open: openDocker },
  { name: 'podman', parts: ['podman'], open: openPodman },
  { name: 'containerd', parts: ['containerd'], open: openContainerd },
  { name: 'skopeo', parts: ['skopeo'], open: openSkopeo },
  { name: 'crane', parts: ['crane'], open: openCraneClient },
  { name: 'regctl', parts: ['regctl'], open: openRegctl },
];
