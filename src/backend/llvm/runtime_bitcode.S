// Embeds the bitcode of runtime/kernel; the build adds its folder to the assembler's include path.
    .section .rodata
    .globl sinter_runtime_bitcode, sinter_runtime_bitcode_end
    .hidden sinter_runtime_bitcode, sinter_runtime_bitcode_end
    .balign 16
sinter_runtime_bitcode:
    .incbin "runtime_kernel.bc"
sinter_runtime_bitcode_end:

    .section .note.GNU-stack, "", @progbits
