export * from './auth/admin-token.ts';
export * from './auth/authenticator.ts';
export * from './auth/basic.ts';
export * from './auth/made-token.ts';
export * from './auth/open-issuers.ts';
export * from './auth/open-ldap.ts';
export * from './auth/bearer.ts';
export type { PasswordFile } from './auth/htpasswd/htpasswd.ts';
export * from './auth/open-pulls.ts';
export * from './auth/own-names.ts';
export type { Puller, PullRules } from './auth/pull-rules.ts';
export { parseScopes, type Access } from './auth/pull-tokens/access.ts';
export type { VerifiedPull, VerifyPull } from './auth/pull-tokens/verify.ts';
export * from './auth/scopes.ts';
export * from './auth/stored-tokens.ts';
export * from './auth/tokens.ts';
export * from './configuration/access-configuration.ts';
export * from './configuration/channel-configuration.ts';
export {
  type GcConfiguration,
  type KeepConfiguration,
  SCRUB_BYTES_PER_SECOND,
} from './configuration/collection.ts';
export * from './configuration/configuration.ts';
export { type ConfigurationDocument, readConfigurationDocument } from './configuration/document.ts';
export * from './configuration/duration.ts';
export { mongodbUrlProblem } from './configuration/engine-address.ts';
export * from './configuration/environment.ts';
export * from './configuration/listen-address.ts';
export * from './configuration/load.ts';
export { configurationJsonSchema } from './configuration/schema.ts';
export { MAIN_TREE } from './configuration/trees.ts';
export { platformProblem, rangeProblem, tagPatternProblem } from './configuration/patterns.ts';
export { formatPath, type KeyPath } from './configuration/problems.ts';
export {
  type SearchConfiguration,
  type SearchServer,
  SOLR_PLACE,
  solrAddressProblem,
} from './configuration/search.ts';
export type {
  CertificatesConfiguration,
  PrivateConfiguration,
  PullTokenMaking,
  PullTokensConfiguration,
  SignedUrlsConfiguration,
} from './configuration/private.ts';
export { missingContentFolders } from './configuration/redirect-json-files.ts';
export * from './configuration/secret.ts';
export * from './configuration/show.ts';
export { isHost, liesOnOrBelow, serviceAddressProblem } from './configuration/web-address.ts';
export { GROUP, GROUP_EXPECTED, NAME, NAME_EXPECTED } from './configuration/texts.ts';
export * from './health.ts';
export * from './http/admin-handler.ts';
export * from './http/listen.ts';
export * from './http/problem-response.ts';
export * from './http/rate-limits.ts';
export * from './http/tls-server.ts';
export * from './lifecycle.ts';
export * from './logging.ts';
export * from './metrics.ts';
export * from './network/address.ts';
export { formatAddress } from './network/format-address.ts';
export { createTrustedProxies, readTrustedProxies } from './network/forwarded.ts';
export { networkTable } from './network/network-table.ts';
export { createOrigins, type Origins } from './network/origins.ts';
export * from './service-manager.ts';
