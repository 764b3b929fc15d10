/** What `gantry serve` can run. */
export const SERVICES = ['all', 'sync', 'promote', 'crane'] as const;
export type ServiceName = (typeof SERVICES)[number];
