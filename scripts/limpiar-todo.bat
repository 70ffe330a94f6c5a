@echo off
rem Limpia lo que ya nadie necesita.
setlocal
set "SOLOLINE=%~dp0..\.venv\Scripts\sololine.exe"
if not exist "%SOLOLINE%" set "SOLOLINE=sololine"
"%SOLOLINE%" clean %*
exit /b %errorlevel%
