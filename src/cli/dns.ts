import { Command } from 'commander'
import { dnsRead } from './dns-read.ts'

/** `sekisho dns …`: what concerns DNS on the wire. */
export function dnsCommand(): Command {
  return new Command('dns').description('DNS transactions in packet captures').addCommand(dnsRead())
}
