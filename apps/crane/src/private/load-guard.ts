import type { PrivateConfiguration } from '@gantry/service';
import type { Guard } from './guard.ts';
import type { GuardOptions } from './open-guard.ts';

/** Opens the guard of what is private. What it is made of is loaded by those cranes alone that have one. @throws Fault CONFIGURATION_INVALID */
export async function loadGuard(
  configuration: PrivateConfiguration,
  options: GuardOptions,
): Promise<Guard & Disposable> {
  const { openGuard } = await import('./open-guard.ts');
  return openGuard(configuration, options);
}
